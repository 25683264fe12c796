"""The playground in a real browser: friends are brought, and word the bands of a corpse with a newcomer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.browser import CHROMIUM, SWITCHES, Page, playground, playwright

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]


def word_a_band(page: Page, number: int, text: str) -> None:
    tab = page.page
    page.until(lambda: any(f"band {number} of 3" in said and "waiting for" in said for said in page.messages()))
    shown = tab.get_by_role("button", name="Word my band", exact=True)
    before = shown.count()
    page.press("My turn")
    page.until(lambda: shown.count() > before)
    page.press("Word my band")
    dialog = tab.get_by_role("dialog")
    dialog.locator("textarea, input").first.fill(text)
    dialog.get_by_role("button", name="Submit").click()
    page.until(lambda: f"Your band: {text}" in tab.inner_text("body"))


def test_a_newcomer_draws_a_corpse_with_friends(tmp_path: Path) -> None:
    with playground(tmp_path / "data") as url, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        tab.goto(url)
        page = Page(tab)
        tab.locator("#bring-friends").click()
        page.until(lambda: "Dark pictures" in tab.inner_text("body"))
        tab.locator("[data-options='corpse tall']").click()
        page.until(lambda: tab.locator(".command-option-input[data-option=corpse]").count())
        page.until(lambda: not tab.locator(".command-suggestion").count())
        tab.keyboard.press("Enter")
        page.until(lambda: "Joined (5)" in tab.inner_text("body"))
        page.press("Start")
        for number, text in ((1, "an owl"), (2, "a penguin"), (3, "a dinosaur")):
            word_a_band(page, number, text)
        figure = page.until(lambda: next((said for said in page.messages() if "Figure 1 of 5" in said), ""))
        whole = page.until(lambda: next((said for said in page.messages() if "@ada" in said and "Figure" in said), ""))
        assert figure.count("@") >= 1 and "Which figure" not in whole
        page.shot("corpse")
        assert page.errors == []
        browser.close()
