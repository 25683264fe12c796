"""The gallery in a real browser: with a finger, by keyboard, light and dark, and for people who do not see it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.browser import CHROMIUM, ROOT, SHOTS, SWITCHES, playground, playwright
from tests.patience import PATIENCE_S

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]
PHONE, DESK = {"width": 320, "height": 700}, {"width": 1280, "height": 900}
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("gallery")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.gallery_process", str(folder)], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stdin is not None
    yield process.stdout.readline().strip()
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as chromium:
        opened = chromium.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport=DESK)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: said.type == "error" and errors.append(said.text))
    yield page
    page.close()
    # A page that was slow to load, or left at once, is shown without its transition, and Chromium says so.
    assert [said for said in errors if not re.search("Transition was (aborted|skipped)", said)] == []


def faults(page: Any) -> list[tuple[str, list[str]]]:
    """What axe-core finds that keeps people out, with the elements."""
    found = axe.Axe().run(page).response["violations"]
    return [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found if each["impact"] in SERIOUS]


def sign_in(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_role("link", name="Sign in").click()
    page.wait_for_url("**/mine")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_is_open_to_everybody(browser: Any, address: str, scheme: str, size: Any) -> None:
    page = browser.new_page(viewport=size, color_scheme=scheme)
    sign_in(page, address)
    name = f"gallery-{'phone' if size is PHONE else 'desk'}-{scheme}"
    SHOTS.mkdir(parents=True, exist_ok=True)
    first = page.locator(".card a").first.get_attribute("href")
    for number, path in enumerate(("/mine", "/", "/?q=circle", "/?q=zebra", "/p/aaaa", first, f"{first}/alike")):
        page.goto(address + path)
        page.screenshot(path=SHOTS / f"{name}-{number}.png")
        assert faults(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"], path
    page.close()


def test_by_keyboard_alone(tab: Any, address: str) -> None:
    tab.goto(address)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the pictures"
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    words = tab.evaluate("document.activeElement.querySelector('.words').textContent")
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", name=words, level=1).wait_for()
    tab.go_back()
    tab.locator("#q").focus()
    tab.keyboard.type("orange")
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", name="“orange”").wait_for()
    assert {"orange" in each for each in tab.locator(".words").all_inner_texts()} == {True}


def test_search_by_look_and_pages(tab: Any, address: str) -> None:
    tab.goto(address)
    tab.get_by_role("link", name="Older").click()
    tab.get_by_role("link", name="Newest").click()
    tab.locator("#q").fill("a red circle")
    tab.get_by_text("look", exact=True).click()
    tab.get_by_role("button", name="Search").click()
    tab.get_by_role("heading", name="Pictures that look like “a red circle”").wait_for()
    assert tab.locator(".wall img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_a_picture_its_family_and_the_file(tab: Any, address: str) -> None:
    tab.goto(address)
    tab.get_by_role("link", name="varied").first.click()
    assert tab.get_by_role("heading", name="Family").is_visible()
    assert tab.locator(".tree [aria-current=page]").count() == 1
    with tab.expect_download() as got:
        tab.get_by_role("link", name="Download PNG").click()
    assert got.value.suggested_filename.startswith("darkroom-")
    assert Path(got.value.path()).read_bytes().startswith(b"\x89PNG")


def test_signed_in_one_sees_ones_own_until_one_leaves(tab: Any, address: str) -> None:
    sign_in(tab, address)
    assert tab.get_by_text("ada's secret").is_visible()
    private = tab.locator(".card", has_text="ada's secret").locator("a").first.get_attribute("href")
    assert tab.context.cookies()[0]["httpOnly"]
    assert tab.evaluate("document.cookie") == ""
    tab.get_by_role("button", name="Sign out").click()
    tab.wait_for_url(f"{address}/")
    with tab.expect_response(address + private) as answer:
        tab.evaluate(f"() => {{ const link = document.createElement('a'); link.href = '{private}';"
                     " document.body.append(link); link.click(); }")  # fmt: skip
    assert answer.value.status == 404


def test_the_playground_is_open_to_everybody(browser: Any, tmp_path: Path) -> None:
    with playground(tmp_path / "data") as url:
        page = browser.new_page(viewport=DESK)
        page.goto(url)
        page.get_by_text("Welcome to the darkroom").first.wait_for()
        assert faults(page) == []
        page.close()
