"""Results to swipe through, in the playground in a real browser, on a desk and on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.browser import CHROMIUM, SWITCHES, Page, playground, playwright

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]
SHOWN = ".gallery-image[width]"


def faults(tab: Any) -> list[str]:
    """What axe-core calls serious or critical."""
    found = axe.Axe().run(tab).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def test_an_album_from_the_noise_to_the_swipe(tmp_path: Path) -> None:
    with playground(tmp_path / "data", results="album") as url, playwright.sync_playwright() as chromium:
        browser = chromium.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        tab = browser.new_page(viewport={"width": 1280, "height": 960})
        tab.goto(url)
        page = Page(tab)
        page.until(lambda: "Welcome to the darkroom" in tab.inner_text("body"))
        page.imagine("a red apple --steps 40")
        page.until(lambda: tab.locator(".attachment-image").count() == 1)  # a preview is one small picture
        page.until(lambda: tab.locator(SHOWN).count() == 4)
        said = tab.locator(SHOWN).evaluate_all("all => all.map(one => one.alt)")
        assert said == [f"Picture {number} of the prompt: a red apple" for number in range(1, 5)]
        page.shot("11-album")
        corners = [tab.locator(SHOWN).nth(number).bounding_box() for number in range(4)]
        assert corners[0]["y"] == corners[1]["y"] < corners[2]["y"] == corners[3]["y"], "two by two"
        assert corners[0]["x"] == corners[2]["x"] < corners[1]["x"] == corners[3]["x"]
        tab.locator(".gallery-item button").first.click()
        for number in range(1, 5):
            tab.get_by_text(f"{number} of 4").wait_for()
            tab.keyboard.press("ArrowRight")
        tab.keyboard.press("Escape")
        assert faults(tab) == []
        page.press("U2")
        page.until(lambda: tab.locator(".attachment-image").count() == 1)
        page.press("V3")
        page.until(lambda: tab.locator(SHOWN).count() == 8)
        tab.set_viewport_size({"width": 390, "height": 844})
        page.shot("12-phone-album")
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        assert faults(tab) == []
        assert page.errors == []
        browser.close()
