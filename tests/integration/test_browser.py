"""The playground in a real browser: what somebody sees in their first five minutes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.browser import CHROMIUM, SWITCHES, WATCH_HEIGHT, Page, playground, playwright

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with playground(tmp_path / "data") as url, playwright.sync_playwright() as chromium:
        browser = chromium.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        tab = browser.new_page(viewport={"width": 1280, "height": 960})
        tab.goto(url)
        yield Page(tab)
        browser.close()


def test_imagine_previews_grid_and_buttons(page: Page) -> None:
    page.until(lambda: "Welcome to the darkroom" in page.page.inner_text("body"))
    page.shot("1-welcome")
    page.page.evaluate(WATCH_HEIGHT)
    page.imagine("a red apple on a blue background --seed 7 --steps 60")
    previews: list[str] = []

    def is_drawn() -> bool:
        pictures, grids = page.look()
        if grids == 0 and pictures and pictures[-1] not in previews:
            previews.append(pictures[-1])
            page.shot(f"2-preview-{len(previews)}")
        return grids == 1 and len(pictures) == 1 and pictures[0] not in previews

    page.until(is_drawn)
    assert len(previews) >= 2, "two different previews before the grid"
    assert page.page.evaluate("window.lowest") > 200, "a picture stands until the next one is there"
    page.shot("3-grid")
    page.press("U2")
    page.until(lambda: len(page.look()[0]) == 2)
    page.shot("4-upscaled")
    page.press("V3")
    page.until(lambda: page.look()[1] == 2)
    page.shot("5-variations")
    assert page.errors == []


def test_an_idea_a_star_apps_and_a_link(page: Page) -> None:
    tab = page.page
    page.until(lambda: "Welcome to the darkroom" in tab.inner_text("body"))
    tab.locator(".ideas button", has_text="a sunflower").click()
    assert tab.get_by_role("textbox", name="prompt, required").input_value() == "a sunflower --seed 7"
    tab.keyboard.press("Enter")
    page.grid()
    page.press("U1")
    page.until(lambda: len(page.look()[0]) == 2)
    tab.get_by_role("button", name="Keep as a favourite").last.click(force=True)
    page.until(lambda: tab.locator(".reaction-chip", has_text="⭐").count() == 1)
    page.shot("6-star")
    tab.get_by_role("button", name="Darkroom: describe", include_hidden=True).last.evaluate("button => button.click()")
    page.until(lambda: "described" in page.messages()[-1] and "Imagine 1" in page.messages()[-1])
    tab.locator(".ideas button", has_text="info me").click()
    tab.keyboard.press("Enter")
    page.until(lambda: "Only you can see this" in page.messages()[-1])
    tab.get_by_text("from this grid").last.click()
    page.until(lambda: tab.get_by_text("ada used").first.is_visible())
    assert len(tab.context.pages) == 1, "a link to a message of this channel opens no other page"
    assert page.errors == []


def test_enter_during_an_answer_sends_a_moment_later(page: Page) -> None:
    tab = page.page
    page.until(lambda: "Welcome to the darkroom" in tab.inner_text("body"))
    late: list[Any] = []
    tab.route("**/api/action", lambda route: route.fallback() if late else late.append(route))
    tab.locator(".ideas button", has_text="queue").click()
    tab.keyboard.press("Enter")
    page.until(lambda: late)
    tab.locator(".command-context-close").click()
    tab.locator("#channel-composer-input").fill("hello")
    tab.keyboard.press("Enter")
    late[0].continue_()
    page.until(lambda: any("hello" in said for said in page.messages()))
    assert page.errors == []


def test_on_a_phone_everything_fits(page: Page) -> None:
    tab = page.page
    tab.set_viewport_size({"width": 390, "height": 844})
    page.until(lambda: "Welcome to the darkroom" in tab.inner_text("body"))
    assert tab.locator("#toolbar").bounding_box()["height"] <= 52
    tab.get_by_role("button", name="What to try").click()
    tab.locator(".ideas button", has_text="a red apple").click()
    tab.keyboard.type(" with a text that is far longer than a phone is wide")
    page.shot("7-phone")
    field, sending = (tab.locator(what).bounding_box() for what in (".command-option-input", "#send-message"))
    assert field["x"] >= 0
    assert field["x"] + field["width"] <= sending["x"] < 390
    tab.locator("#send-message").click()
    page.grid()
    page.shot("8-phone-grid")
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    tab.set_viewport_size({"width": 640, "height": 450})
    shown = tab.locator(".attachment-image").last.bounding_box()
    assert abs(shown["width"] - shown["height"]) < 2, "no blank beside it where the window is low"
    assert page.errors == []


def test_it_is_as_wide_as_the_window_during_an_answer(page: Page) -> None:
    tab = page.page
    page.until(lambda: "Welcome to the darkroom" in tab.inner_text("body"))
    tab.route("**/api/action", lambda route: None)
    tab.set_viewport_size({"width": 375, "height": 700})
    page.until(lambda: tab.evaluate("Boolean(window.simcordPreview.pendingAction)"))
    assert tab.evaluate("document.querySelector('.preview-stage').scrollWidth") == 375


def test_what_is_wrong_with_an_option_is_read_in_full(page: Page) -> None:
    tab = page.page
    page.until(lambda: "Welcome to the darkroom" in tab.inner_text("body"))
    tab.locator(".ideas button", has_text="a red apple").click()
    tab.locator(".command-ghost").click()
    tab.locator('.command-suggestion[data-value="strength"]').click()
    tab.locator('.command-pill[data-option="strength"] input').fill("2")
    tab.locator("#send-message").click()
    error, row = (tab.locator(what).bounding_box() for what in (".command-error", ".command-row"))
    assert row["y"] <= error["y"]
    assert error["y"] + error["height"] <= row["y"] + row["height"]
    page.shot("9-wrong-option")


def test_an_options_choices_are_there_before_anything_is_typed(page: Page) -> None:
    tab = page.page
    page.until(lambda: "Welcome to the darkroom" in tab.inner_text("body"))
    tab.locator(".ideas button", has_text="a red apple").click()
    tab.locator(".command-ghost").click()
    tab.locator('.command-suggestion[data-value="model"]').click()
    tab.locator(".command-suggestion", has_text="pocket").click()
    assert tab.locator('.command-pill[data-option="model"] input').input_value() == "pocket"


def test_a_button_drawn_anew_while_it_is_pressed_is_pressed(page: Page) -> None:
    tab = page.page
    page.imagine("a red apple --steps 200")
    cancel = tab.locator(".message-components button", has_text="Cancel")
    cancel.hover()
    old = cancel.element_handle()
    tab.mouse.down()
    page.until(lambda: not old.evaluate("button => button.isConnected"))
    cancel.hover()
    tab.mouse.up()
    page.until(lambda: "Cancelled" in page.messages()[-1])
    assert page.errors == []


def test_a_menu_below_a_picture_opens_and_nothing_jumps(page: Page) -> None:
    tab = page.page
    page.imagine("a red apple --draft --steps 2")
    menu = tab.locator(".channel-message .select-trigger").first
    menu.wait_for()
    page.until(lambda: len(page.look()[0]) == 1)
    tab.evaluate("document.getElementById('channel-timeline').scrollTop = 1e6")
    place = menu.bounding_box()
    tab.mouse.click(place["x"] + 20, place["y"] + 10)
    page.until(lambda: tab.locator("[role=option]:visible").count() > 1)
    assert abs(menu.bounding_box()["y"] - place["y"]) < 60, "the page stays where it is"
    tab.locator("[role=option]:visible", has_text="Draft 2").first.click()
    page.until(lambda: "developed" in page.messages()[-1])
    assert page.errors == []


def test_what_is_left_of_a_vote_counts_down(page: Page) -> None:
    tab = page.page
    page.imagine("a red apple --steps 2")
    page.grid()
    tab.locator(".message-components button", has_text="Let the group decide").last.click()
    left = tab.locator(".channel-message time[data-relative]").last
    left.wait_for()
    tab.evaluate("() => { const now = Date.now; Date.now = () => now() + 70000; }")
    page.until(lambda: "seconds" in left.inner_text())
    assert page.errors == []


def test_the_apps_menu_closes_by_escape_and_a_press_elsewhere(page: Page) -> None:
    tab = page.page
    page.imagine("a red apple --steps 2")
    page.grid()
    apps, offered = tab.locator(".apps summary").last, tab.locator(".apps[open]")
    for away in (lambda: tab.keyboard.press("Escape"), lambda: tab.locator(".message-author").last.click()):
        tab.locator(".channel-message").last.hover()
        apps.click()
        assert offered.count() == 1
        away()
        assert offered.count() == 0


def test_with_a_finger_the_corner_of_an_answer_stands_below_it(page: Page) -> None:
    tab = page.page
    touch = tab.context.new_cdp_session(tab)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    page.imagine("a red apple --steps 2")
    page.grid()
    corner, last = (tab.locator(".channel-message").last.locator(what).last.bounding_box()
                    for what in (".message-context-actions", ".message-components button"))  # fmt: skip
    assert corner["y"] >= last["y"] + last["height"]
    assert tab.locator(".message-context-actions").last.evaluate("corner => getComputedStyle(corner).opacity") == "1"


def test_a_lost_playground_says_so(page: Page) -> None:
    tab, notice = page.page, page.page.locator("#playground-notice")
    page.until(lambda: "Welcome to the darkroom" in tab.inner_text("body"))
    assert not notice.is_visible()
    tab.context.set_offline(True)
    tab.locator("#channel-composer-input").fill("said while nobody answered")
    tab.keyboard.press("Enter")
    page.until(lambda: notice.is_visible() and "make demo" in notice.inner_text())
    tab.context.set_offline(False)
    page.until(lambda: any("said while nobody answered" in said for said in page.messages()))
    page.until(lambda: not notice.is_visible())


def test_an_action_whose_answer_was_lost_happens_once(page: Page) -> None:
    tab, lost = page.page, []

    def lose(route: Any) -> None:
        if lost or "said once" not in (route.request.post_data or ""):
            return route.fallback()
        lost.append(route.fetch().status)
        return route.abort("connectionreset")

    page.until(lambda: "Welcome to the darkroom" in tab.inner_text("body"))
    tab.route("**/api/action", lose)
    for words in ("said once", "said afterwards"):
        tab.locator("#channel-composer-input").fill(words)
        tab.keyboard.press("Enter")
        page.until(lambda words=words: any(words in said for said in page.messages()))
    assert lost == [200]
    assert sum("said once" in said for said in page.messages()) == 1
    assert not tab.locator("#playground-notice").is_visible()
