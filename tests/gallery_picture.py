"""Makes the README's picture of the gallery from a real run: `python -m tests.gallery_picture`.

`pocket` draws; ada, bo and cy agreed. The page is seen in a headless Chromium, light beside dark.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import async_playwright

from bot.domain.model import JobSpec, Member, Options, Verb
from bot.domain.prompting.derivation import derive
from bot.gallery.server import serve
from engine import Engine, EngineSettings, Finished, ImageRequest
from tests.bot.gallery.hall import ADA, AGREES, BO, Hall, hall

OUT = Path(__file__).parents[1] / "docs" / "pictures" / "gallery.webp"
CY = Member(id=3, name="cy")
PROMPTS = (
    "a red fox", "a hot air balloon at night", "a sunflower", "a blue whale", "a slice of pizza", "a lighthouse",
    "an owl", "a cactus on a yellow background", "a rocket", "a snowman, flat", "a green apple", "a crab on a beach",
    "a castle", "a bee", "a sailboat on the ocean", "a purple butterfly",
)  # fmt: skip


async def main(out: Path) -> None:
    """Draw, look, and write one WebP."""
    with tempfile.TemporaryDirectory() as folder:
        async with hall(Path(folder)) as made:
            await furnish(made)
            shots = await seen(made)
    width = sum(shot.width for shot in shots)
    sheet = Image.new("RGB", (width, shots[0].height))
    for number, shot in enumerate(shots):
        sheet.paste(shot, (number * shot.width, 0))
    sheet.save(out, quality=82, method=6)


async def furnish(made: Hall, prompts: tuple[str, ...] = PROMPTS) -> None:
    """Hang a grid of each prompt, and a family of the last one."""
    for member in (BO, CY):
        await made.members.prefer(member.id, AGREES)
    settings = EngineSettings(devices=("cpu",), threads=2, load_timeout_s=600.0)
    async with Engine(settings) as engine:
        last: Any = None
        for number, prompt in enumerate(prompts):
            pictures = await drawn(engine, prompt, seed=40 + number)
            last = await made.hang(prompt, by=(ADA, BO, CY)[number % 3], count=4, pictures=pictures)
        varied = derive(last, Verb.VARY_STRONG, 1, seed=3)
        child = await made.hang(by=ADA, spec=varied, pictures=await drawn(engine, prompts[-1], seed=90))
        again = derive(child, Verb.VARY_SUBTLE, 0, seed=4)
        await made.hang(by=CY, spec=again, pictures=await drawn(engine, prompts[-1], seed=91))
        alone = JobSpec(verb=Verb.IMAGINE, options=Options(prompt="a red apple"), seed=1, count=1)
        await made.hang(by=BO, spec=alone, pictures=(await drawn(engine, "a red apple", seed=92))[:1])


async def drawn(engine: Engine, prompt: str, seed: int) -> list[bytes]:
    """Four pictures of `pocket`."""
    async with engine.submit(ImageRequest(prompt=prompt, seed=seed, num_images=4, num_inference_steps=12)) as stream:
        async for event in stream:
            if isinstance(event, Finished):
                return [image.png for image in event.images]
    raise RuntimeError(prompt)


async def seen(made: Hall) -> list[Image.Image]:
    """The first page, light and dark."""
    async with serve(made.plan, made.clock) as gallery, async_playwright() as chromium:
        await gallery.keeper.turn()
        browser = await chromium.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        shots = []
        for scheme in ("light", "dark"):
            page = await browser.new_page(viewport={"width": 760, "height": 900}, color_scheme=scheme)
            await page.goto(f"http://127.0.0.1:{gallery.port}/", wait_until="networkidle")
            shots.append(Image.open(io.BytesIO(await page.screenshot())))
        await browser.close()
        return shots


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    asyncio.run(main(target))
    print(f"{target.name}: {target.stat().st_size / 1024:.0f} kB")
