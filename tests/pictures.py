"""Makes the README's moving picture from a real run: `make pictures`.

The playground in a headless browser, /imagine typed, one frame whenever the page looks different.
"""

from __future__ import annotations

import io
import itertools
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.integration.browser import CHROMIUM, ROOT, SWITCHES, Page, playground, playwright

OUT = ROOT / "docs" / "pictures" / "imagine.webp"
PROMPT = "a sunflower --seed 7 --steps 50"
VIEW = {"width": 860, "height": 910}
LAST_FRAME_MS = 3500
LOADED = "[...document.images].every(image => image.complete && image.naturalWidth)"


def main() -> None:
    """Record, and write an animated WebP."""
    with (
        tempfile.TemporaryDirectory() as data,
        playground(Path(data)) as url,
        playwright.sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        tab = browser.new_page(viewport=VIEW)
        tab.goto(url)
        page = Page(tab)
        page.until(lambda: "Welcome to the darkroom" in tab.inner_text("body"))
        page.imagine(PROMPT)
        frames = record(page)
        browser.close()
    pictures = [frame for frame, _ in frames]
    shown = [max(80, round((b - a) * 1000)) for (_, a), (_, b) in itertools.pairwise(frames)]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(
        OUT, save_all=True, append_images=pictures[1:], duration=[*shown, LAST_FRAME_MS], loop=0, quality=70, method=6
    )
    print(f"{OUT.relative_to(ROOT)}: {len(pictures)} frames, {OUT.stat().st_size / 1024:.0f} kB")


def record(page: Page) -> list[tuple[Image.Image, float]]:
    """Frames with the moment each was first seen, until the grid has its buttons and its picture."""
    frames: list[tuple[Image.Image, float]] = []
    before = b""
    settled_at = 0.0
    while not settled_at or time.monotonic() - settled_at < 2:
        shot = page.page.locator("#channel-layout").screenshot()
        if shot != before and page.page.evaluate(LOADED):
            frames.append((Image.open(io.BytesIO(shot)).convert("RGB"), time.monotonic()))
            before = shot
        if not settled_at and page.page.get_by_role("button", name="U2", exact=True).count():
            settled_at = time.monotonic()
        page.page.wait_for_timeout(60)
    return frames


if __name__ == "__main__":
    main()
