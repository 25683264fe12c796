"""What a newcomer meets in the first hour: trouble is named, what was said comes back, labels are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.browser import CHROMIUM, SWITCHES, Page, playground, playwright

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]
ON_TOP = """element => { const { x, y, width, height } = element.getBoundingClientRect();
    return element.contains(document.elementFromPoint(x + width / 2, y + height / 2)); }"""

AT_THE_NEWEST = """(() => { const at = document.getElementById('channel-timeline');
    return at.scrollHeight - at.scrollTop - at.clientHeight < 60 })()"""


@pytest.fixture
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as chromium:
        opened = chromium.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield opened
        opened.close()


def opened(browser: playwright.Browser, url: str) -> Page:
    tab = browser.new_page(viewport={"width": 1280, "height": 960})
    tab.goto(url)
    page = Page(tab)
    page.until(lambda: "Welcome to the darkroom" in tab.inner_text("body"))
    return page


def faults(page: Page) -> list[str]:
    """What axe-core calls serious or critical."""
    found = axe.Axe().run(page.page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def test_all_that_was_said_is_there_after_a_restart(tmp_path: Path, browser: playwright.Browser) -> None:
    with playground(tmp_path / "data") as url:
        page = opened(browser, url)
        page.imagine("a sunflower --steps 2")
        before = page.grid()
    page.until(lambda: page.page.locator("#playground-notice").is_visible())
    assert page.page.locator("#playground-notice").evaluate(ON_TOP), "a stopped playground is told of, visibly"
    with playground(tmp_path / "data") as url:
        page = opened(browser, url)
        page.until(lambda: page.look() == (before, 1))
        page.press("U2")
        page.until(lambda: len(page.look()[0]) == 2)
        assert page.errors == []


def test_a_direct_message_ideas_and_the_newest_message(tmp_path: Path, browser: playwright.Browser) -> None:
    with playground(tmp_path / "data") as url:
        page = opened(browser, url)
        tab = page.page
        page.imagine("a red apple --ar 1:3 --steps 2")
        page.grid()
        tab.get_by_role("button", name="Send me the pictures").last.click(force=True)
        page.until(lambda: tab.locator("#direct-messages[open] img").count() == 4)
        tab.get_by_role("button", name="Close direct messages").click()
        assert not tab.locator("#direct-messages").is_visible()
        picture, download = (
            tab.locator(what).last.bounding_box() for what in (".attachment-image", ".attachment-media-actions")
        )
        assert download["x"] + download["width"] <= picture["x"] + picture["width"], "on the picture, not beside it"
        for idea in ("style list", "queue", "info me", "help", "stats"):
            if idea == "stats":
                tab.locator("#viewer-picker").select_option(label="mo")
                page.until(lambda: tab.evaluate("window.simcordPreview.ready"))
            answers = len(page.messages())
            tab.locator(".ideas button", has_text=idea).click()
            tab.keyboard.press("Enter")
            page.until(lambda before=answers: len(page.messages()) > before)
        tab.locator("#viewer-picker").select_option(label="ada")
        page.until(lambda: tab.evaluate("window.simcordPreview.ready"))
        tab.locator(".ideas button", has_text="mod pause").click()
        assert tab.locator(".ideas p.is-due").inner_text() == "Switch to mo at the top right."
        assert tab.locator("#channel-composer-input").input_value() == "", "nothing that would be said in the channel"
        tab.reload()
        page.until(lambda: tab.locator(".channel-message").count() > 1)
        page.until(lambda: tab.evaluate(AT_THE_NEWEST))
        assert page.errors == []


def test_a_window_keeps_its_member_when_it_is_loaded_again(tmp_path: Path, browser: playwright.Browser) -> None:
    with playground(tmp_path / "data") as url:
        first, second = opened(browser, url), opened(browser, url)
        first.page.locator("#viewer-picker").select_option(label="mo")
        first.until(lambda: first.page.evaluate("window.simcordPreview.ready"))
        for page, name in ((first, "mo"), (second, "ada")):
            page.page.reload()
            page.until(
                lambda page=page, name=name: page.page.locator("#viewer-picker option:checked").inner_text() == name
            )
        first.page.locator(".ideas button", has_text="mod pause").click()
        first.page.keyboard.press("Enter")
        first.until(lambda: "paused" in first.messages()[-1].lower())
        assert first.errors == second.errors == []


def test_a_wrong_address_says_so(tmp_path: Path, browser: playwright.Browser) -> None:
    with playground(tmp_path / "data") as url:
        for address in (url[:-8], url.partition("#")[0]):
            tab = browser.new_page()
            tab.goto(address)
            notice = tab.locator("#playground-notice")
            notice.wait_for()
            assert "make demo" in notice.inner_text()
            assert notice.evaluate(ON_TOP)


def test_labels_and_contrast_are_without_fault(tmp_path: Path, browser: playwright.Browser) -> None:
    with playground(tmp_path / "data") as url:
        page = opened(browser, url)
        tab = page.page
        page.imagine("a red apple --steps 2")
        page.grid()
        tab.get_by_role("button", name="Send me the pictures").last.click(force=True)
        page.until(lambda: tab.locator("#direct-messages[open]").count() == 1)
        assert faults(page) == []
        tab.get_by_role("button", name="Close direct messages").click()
        tab.locator(".ideas button", has_text="a red apple").click()
        tab.locator(".command-ghost").click()
        assert faults(page) == []
        tab.keyboard.press("Escape")
        tab.locator(".command-context-close").click()
        tab.locator("#channel-composer-input").fill("/")
        tab.locator(".command-entry").first.wait_for()
        assert faults(page) == []
        tab.locator("#channel-composer-input").fill("")
        page.press("U1")
        page.until(lambda: len(page.look()[0]) == 2)
        tab.locator(".message-components button", has_text="Custom zoom").last.click()
        tab.locator(".modal-dialog").wait_for()
        assert faults(page) == []
        tab.keyboard.press("Escape")
        tab.emulate_media(color_scheme="light", reduced_motion="reduce")
        tab.set_viewport_size({"width": 390, "height": 844})
        assert faults(page) == []
        assert tab.evaluate("document.getAnimations().filter(one => one.playState === 'running').length") == 0
        page.shot("10-labels")
        assert page.errors == []
