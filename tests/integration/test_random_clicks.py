"""Whatever somebody clicks and types in the playground, nothing breaks, and the books balance."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.books import audited
from tests.integration.browser import CHROMIUM, SWITCHES, Page, playground, playwright
from tests.patience import PATIENCE_S

from tests.integration.clicker import Clicker  # isort: skip  (needs what the line above may skip)

SECONDS = 40.0
SEED = 3

pytestmark = [
    pytest.mark.clicks,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]


def pictures(folder: Path) -> list[Path]:
    """A small one, a mask, one that is none, and one of an odd shape."""
    found = [folder / name for name in ("red.png", "mask.png", "none.png", "wide.webp")]
    Image.new("RGB", (200, 120), "red").save(found[0])
    Image.new("L", (256, 256), 255).save(found[1])
    found[2].write_bytes(b"no picture at all")
    Image.new("RGBA", (3000, 20), (0, 255, 0, 90)).save(found[3])
    return found


def test_random_clicks_break_nothing(tmp_path: Path) -> None:
    with playground(tmp_path / "data") as url, playwright.sync_playwright() as chromium:
        browser = chromium.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        page = Page(browser.new_page(viewport={"width": 1280, "height": 800}))
        page.page.goto(url)
        clicker = Clicker(page.page, SEED, pictures(tmp_path))
        clicker.settle()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            clicker.act()
            assert page.errors == [], clicker.did[-5:]
        clicker.resume()
        with sqlite3.connect(tmp_path / "data" / "darkroom.sqlite3") as store:
            page.until(lambda: not store.execute("select 1 from reservations where state = 'held'").fetchone(), 300)
            page.until(lambda: not store.execute("select 1 from outbox").fetchone())
            states = {state for (state,) in store.execute("select distinct state from jobs")}
        assert states <= {"delivered", "cancelled", "review"}, clicker.did
        assert audited(tmp_path / "data") == [], clicker.did
        page.page.locator(".message-loading").first.wait_for(state="detached", timeout=PATIENCE_S * 1000)
        assert page.errors == []
        browser.close()
