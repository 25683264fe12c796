"""The playground in a real browser: friends are brought, and one round of an /evolve is played with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.browser import CHROMIUM, SWITCHES, Page, playground, playwright

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]


def test_a_newcomer_evolves_a_picture_with_friends(tmp_path: Path) -> None:
    with playground(tmp_path / "data") as url, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        tab.goto(url)
        page = Page(tab)
        tab.locator("#bring-friends").click()
        page.until(lambda: "Dark pictures" in tab.inner_text("body"))
        tab.locator("[data-command=evolve]").click()
        tab.locator(".command-option-input").wait_for()
        tab.keyboard.press("Enter")
        page.until(lambda: tab.get_by_role("button", name="Start", exact=True).count())
        page.press("Start")
        page.until(lambda: tab.get_by_role("button", name="B", exact=True).count())
        page.press("A")
        outcome = page.until(lambda: next((said for said in page.messages() if "goes on (" in said), ""))
        assert "Round 1 of 4" in outcome and "@kim" in outcome and "@ada" in outcome
        page.shot("friends")
        assert page.errors == []
        browser.close()


def test_a_newcomer_sees_a_whole_show(tmp_path: Path) -> None:
    with playground(tmp_path / "data") as url, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        tab.goto(url)
        page = Page(tab)
        tab.locator("#bring-friends").click()
        page.until(lambda: "sam are here" in tab.locator("#bring-friends").inner_text())
        tab.locator("#viewer-picker").select_option(label="mo")
        page.until(lambda: tab.evaluate("window.simcordPreview.ready"))
        tab.locator("[data-command='weekly now']").click()
        tab.keyboard.press("Enter")
        page.until(lambda: any("may hang here" in said for said in page.messages()))
        page.until(lambda: page.look()[1] == 4)  # each of them has drawn
        tab.locator("[data-command='weekly now']").click()
        tab.keyboard.press("Enter")
        page.until(lambda: tab.get_by_role("button", name="D", exact=True).count())
        page.press("A")
        page.until(lambda: any("5 voted so far" in said for said in page.messages()))
        page.shot("show")
        page.press("Count now")
        reveal = page.until(lambda: next((said for said in page.messages() if "has won the show" in said), ""))
        assert "(5 voted)" in reveal and all(name in reveal for name in ("@kim", "@lou", "@nia", "@sam"))
        page.shot("show-told")
        tab.locator("[data-command='weekly hall']").click()
        tab.keyboard.press("Enter")
        page.until(lambda: any("among 4 pictures" in said for said in page.messages()))
        assert page.errors == []
        browser.close()
