"""The playground in a real browser: what somebody sees in their first five minutes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

playwright = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "out" / "browser"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
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
    """`darkroom demo` as a process; yields the page's address."""
    command = [sys.executable, "-m", "bot", "demo", "--no-browser", "--data", str(data)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if "http://127.0.0.1" in line:
                yield "http" + line.split("http", 1)[1].strip()
                break
        else:
            pytest.fail(f"no address: {said}")
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


class Page:
    """The page as a person uses it."""

    def __init__(self, page) -> None:
        self.page = page
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

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
    page.shot("3-grid")
    page.press("U2")
    page.until(lambda: len(page.look()[0]) == 2)
    page.shot("4-upscaled")
    page.press("V3")
    page.until(lambda: page.look()[1] == 2)
    page.shot("5-variations")
    assert page.errors == []


def test_a_lost_playground_says_so(page: Page) -> None:
    notice = page.page.locator("#playground-notice")
    page.until(lambda: "Welcome to the darkroom" in page.page.inner_text("body"))
    assert not notice.is_visible()
    page.page.context.set_offline(True)
    page.until(lambda: notice.is_visible() and "make demo" in notice.inner_text())
    page.page.context.set_offline(False)
    page.until(lambda: not notice.is_visible())
