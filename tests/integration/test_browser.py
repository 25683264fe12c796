"""The playground in a real browser: what somebody sees in their first five minutes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S

playwright = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "out" / "browser"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/#\S+")
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"]  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]


@contextmanager
def playground(data: Path) -> Iterator[str]:
    """`darkroom demo` as a process; yields the page's address. What it says goes to a log beside its data."""
    command = [sys.executable, "-m", "bot", "demo", "--no-browser", "--data", str(data)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}
    log = data.with_name("demo.log")
    with log.open("wb") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=said)
    try:
        while not (found := ADDRESS.search(log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    assert "Traceback" not in log.read_text(), log.read_text()


# the lowest a picture ever was, frame by frame, once one had been seen
WATCH_HEIGHT = """() => { window.lowest = Infinity; let seen = false; const look = () => {
    const picture = [...document.querySelectorAll('.attachment-media')].at(-1);
    if (picture) { const { height } = picture.getBoundingClientRect(); seen ||= height > 200;
        if (seen) window.lowest = Math.min(window.lowest, height); }
    requestAnimationFrame(look); }; look(); }"""


class Page:
    """The page as a person uses it."""

    def __init__(self, page) -> None:
        self.page = page
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))

    def imagine(self, prompt: str) -> None:
        box = self.page.locator("#channel-composer-input")
        box.click()
        box.type("/imagine")
        self.page.get_by_text("/imagine", exact=True).first.wait_for()
        self.page.keyboard.press("Enter")
        self.page.get_by_role("textbox", name="prompt, required").wait_for()
        self.page.keyboard.type(prompt)
        self.page.keyboard.press("Enter")
        box.wait_for()  # what was sent is gone from it, as in Discord
        assert box.input_value() == ""

    def look(self) -> tuple[list[str], int]:
        """At one moment: a fingerprint of each picture shown, oldest first, and how many grids have their buttons."""
        return tuple(
            self.page.evaluate("""() => [
            [...document.querySelectorAll('.attachment-image')].filter(i => i.complete && i.naturalWidth).map(i => {
                const c = document.createElement('canvas'); c.width = c.height = 32;
                c.getContext('2d').drawImage(i, 0, 0, 32, 32); return c.toDataURL(); }),
            [...document.querySelectorAll('button')].filter(b => b.textContent.trim() === 'V3').length]""")
        )

    def messages(self) -> list[str]:
        """What the messages say, oldest first."""
        return self.page.locator(".channel-message").all_inner_texts()

    def press(self, label: str) -> None:
        self.page.get_by_role("button", name=label, exact=True).last.click()

    def shot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")

    def until(self, look, within_s: float = 2 * PATIENCE_S):
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            if seen := look():
                return seen
            self.page.wait_for_timeout(60)
        self.shot("timeout")
        raise TimeoutError(self.page.inner_text("body")[-1500:])


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
    page.until(lambda: page.look()[1] == 1)
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
    page.until(lambda: page.look()[1] == 1)
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


def test_the_apps_menu_closes_by_escape_and_a_press_elsewhere(page: Page) -> None:
    tab = page.page
    page.imagine("a red apple --steps 2")
    page.until(lambda: page.look()[1] == 1)
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
    page.until(lambda: page.look()[1] == 1)
    corner, last = (tab.locator(".channel-message").last.locator(what).last.bounding_box()
                    for what in (".message-context-actions", ".message-components button"))  # fmt: skip
    assert corner["y"] >= last["y"] + last["height"]
    assert tab.locator(".message-context-actions").last.evaluate("corner => getComputedStyle(corner).opacity") == "1"


def test_a_lost_playground_says_so(page: Page) -> None:
    notice = page.page.locator("#playground-notice")
    page.until(lambda: "Welcome to the darkroom" in page.page.inner_text("body"))
    assert not notice.is_visible()
    page.page.context.set_offline(True)
    page.until(lambda: notice.is_visible() and "make demo" in notice.inner_text())
    page.page.context.set_offline(False)
    page.until(lambda: not notice.is_visible())
