"""Sixty edits with `pocket`, beside plain image-to-image of the same list: `python -m engine.bench.edits JUDGE`.

JUDGE is the folder of a picture encoder that learned from other art than the model (`tests/engine/pocket/judge`).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import argparse
import asyncio
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.engine import Engine
from engine.events import Finished
from engine.pocket import edits
from engine.pocket.edits import EditCase, EditJudge
from engine.pocket.vision import PictureEncoder
from engine.requests import Edit, ImageRequest, ImageToImage
from engine.settings import EngineSettings

_IN_FLIGHT = 6

Ask = Callable[[EditCase, bytes, int], ImageRequest]


def _edit(case: EditCase, png: bytes, seed: int) -> ImageRequest:
    return Edit(prompt=case.new, description=case.old, image=png, seed=seed, num_images=1)


def _redraw(strength: float) -> Ask:
    return lambda case, png, seed: ImageToImage(prompt=case.new, image=png, strength=strength, seed=seed, num_images=1)


async def main(judge: Path, each: int, strengths: Sequence[float], folder: Path | None) -> None:
    """Draw the pictures, edit them in every way, and print a table for each way."""
    wanted = edits.cases(each)
    ways: dict[str, Ask] = {"edit": _edit, **{f"image-to-image {s:g}": _redraw(s) for s in strengths}}
    jury = EditJudge(PictureEncoder.load(judge))
    async with Engine(EngineSettings(safety=False, default_model="pocket")) as engine:
        plain = [ImageRequest(prompt=case.old, seed=i, num_images=1) for i, case in enumerate(wanted)]
        before = await _drawn(engine, plain)
        for name, ask in ways.items():
            asked = [ask(case, png, 1000 + i) for i, (case, png) in enumerate(zip(wanted, before, strict=True))]
            after = await _drawn(engine, asked)
            old, new = _tensor(before), _tensor(after)
            there, kept = jury.is_there(wanted, new), jury.is_kept(wanted, old, new)
            for row in edits.table(wanted, there, kept):
                print(f"| {name} | {row.kind} | {row.there} | {row.kept} | {row.both} |", flush=True)  # noqa: T201
            if folder is not None:
                _sheet(before, after).save(folder / f"{name.replace(' ', '-')}.png")


async def _drawn(engine: Engine, requests: Sequence[ImageRequest]) -> list[bytes]:
    room = asyncio.Semaphore(_IN_FLIGHT)

    async def one(request: ImageRequest) -> bytes:
        async with room:
            async for event in engine.submit(await engine.resolve(request)):
                if isinstance(event, Finished):
                    return event.images[0].png
        raise AssertionError("a stream ended without a result")

    return list(await asyncio.gather(*map(one, requests)))


def _tensor(pngs: Sequence[bytes]) -> Tensor:
    arrays = [np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=np.float32) for png in pngs]
    return edits.small(torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2) / 127.5 - 1)


def _sheet(before: Sequence[bytes], after: Sequence[bytes], side: int = 64, columns: int = 15) -> Image.Image:
    """Each picture above what became of it."""
    rows = -(-len(before) // columns)
    sheet = Image.new("RGB", (columns * side, 2 * rows * side), "white")
    for half, pngs in enumerate((before, after)):
        for i, png in enumerate(pngs):
            small = Image.open(io.BytesIO(png)).convert("RGB").resize((side, side), Image.Resampling.BOX)
            sheet.paste(small, (i % columns * side, (2 * (i // columns) + half) * side))
    return sheet


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("judge", type=Path)
    parser.add_argument("--each", type=int, default=edits.EACH)
    parser.add_argument("--strengths", type=float, nargs="*", default=[0.7, 0.8, 0.9])
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    asyncio.run(main(chosen.judge, chosen.each, chosen.strengths, chosen.folder))
