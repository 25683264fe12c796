"""The playground as a process, and its page in a real browser as a person uses it."""

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

import pytest

from tests.patience import PATIENCE_S

playwright = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "out" / "browser"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/#\S+")
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"]  # fmt: skip


@contextmanager
def playground(data: Path, results: str = "grid") -> Iterator[str]:
    """`darkroom demo` as a process; yields the page's address. What it says goes to a log beside its data."""
    command = [sys.executable, "-m", "bot", "demo", "--no-browser", "--data", str(data)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "200", "DARKROOM_DISCORD__RESULTS": results}
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

    def grid(self) -> list[str]:
        """The fingerprint of the one grid shown, once it is loaded and no longer changes."""
        last: list[list[str]] = [[]]

        def settled() -> list[str]:
            pictures, grids = self.look()
            before, last[0] = last[0], pictures
            return pictures if grids == 1 and len(pictures) == 1 and pictures == before else []

        return self.until(settled)

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
