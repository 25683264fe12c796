"""Pictures for Discord: grids, files that fit, masks, time-lapses; composed in an executor, never on the event loop."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

from PIL import Image, ImageDraw, ImageFont

from bot.errors import FileLimitTooSmall
from engine import (
    PictureTooLarge,
    SandboxedDecoder,
    encode_png,
    fit_upload,
    fit_webp,
    mosaic,
    open_picture,
    open_shown,
    open_with_alpha,
    read_text,
)

FRAME_MS = 120
LAST_FRAME_MS = 2500
FILM_SIDE = 640
"""Longer side of a time-lapse, in pixels."""

ArgumentsT = ParamSpec("ArgumentsT")
ResultT = TypeVar("ResultT")


class Drawing:
    """Composes pictures in the executor that the app owns and closes."""

    def __init__(self, executor: Executor) -> None:
        self._executor, self._decoder = executor, SandboxedDecoder()

    async def run(
        self, draw: Callable[ArgumentsT, ResultT], *arguments: ArgumentsT.args, **options: ArgumentsT.kwargs
    ) -> ResultT:
        """Do any drawing there. Raises `FileLimitTooSmall` where what is drawn must fit into too few bytes."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, lambda: draw(*arguments, **options))
        except PictureTooLarge as error:
            raise FileLimitTooSmall(error.limit) from error

    async def grid(self, pictures: Sequence[bytes], limit: int, *, is_numbered: bool = False) -> tuple[bytes, str]:
        """The cells side by side in at most `limit` bytes, with the file suffix."""
        return await self.run(compose, tuple(pictures), limit, is_numbered=is_numbered)

    async def fitted(self, picture: bytes, limit: int) -> tuple[bytes, str]:
        """One PNG in at most `limit` bytes, with the file suffix; the PNG itself when it fits."""
        if len(picture) <= limit:
            return picture, "png"
        return await self.run(fit_upload, picture, limit)

    async def plain(self, picture: bytes, limit: int) -> tuple[bytes, str]:
        """The picture in at most `limit` bytes without anything that says how it was made, with the file suffix."""
        return await self.run(bare, picture, limit)

    async def normalised(self, content: bytes, field: str = "image") -> bytes:
        """Any allowed picture or "mask" as a plain PNG, decoded in a process of its own. Raises `InvalidRequest`."""
        return await self._decoder.decode(content, field)

    async def strip(self, pictures: Sequence[bytes], limit: int) -> tuple[bytes, str]:
        """Pictures in one row, all as high as wide, in at most `limit` bytes, with the file suffix."""
        return await self.run(contact_sheet, tuple(pictures), limit, columns=len(pictures)), "webp"

    async def ballot(self, pictures: Sequence[bytes | None], limit: int) -> tuple[bytes, str]:
        """Pictures with their letters in at most `limit` bytes, with the file suffix; a dark field for None."""
        return await self.run(lettered, tuple(pictures), limit)

    async def mask(self, picture: bytes, regions: Collection[int]) -> bytes:
        """A mask for the picture with the given ninths (0-8 in reading order) white."""
        return await self.run(region_mask, picture, frozenset(regions))

    async def timelapse(self, frames: Sequence[bytes], pictures: Sequence[bytes], limit: int) -> bytes:
        """The kept frames and at last the pictures, as one animated WebP of at most `limit` bytes."""
        return await self.run(animate, tuple(frames), tuple(pictures), limit)


def compose(pictures: Sequence[bytes], limit: int, *, is_numbered: bool = False) -> tuple[bytes, str]:
    """The grid of these PNGs, encoded to fit, with the recipe of the first: the others' seeds count on from its own."""
    if len(pictures) == 1 and not is_numbered:
        return fit_upload(pictures[0], limit)
    cells = [open_shown(picture) for picture in pictures]
    grid = mosaic([numbered(cell, index) for index, cell in enumerate(cells, 1)] if is_numbered else cells)
    return fit_upload(encode_png(grid, read_text(pictures[0])), limit)


def bare(picture: bytes, limit: int) -> tuple[bytes, str]:
    """The picture alone, encoded to fit: no prompt, no seed, no recipe."""
    return fit_upload(encode_png(open_with_alpha(picture)), limit)


def numbered(picture: Image.Image, number: int) -> Image.Image:
    """The picture with a number in its upper left corner, white on a dark plate."""
    size = max(10, min(picture.size) // 9)
    marked = picture.convert("RGB")
    draw, font, corner = ImageDraw.Draw(marked), ImageFont.load_default(size), (size // 2, size // 3)
    _, _, right, bottom = draw.textbbox(corner, str(number), font=font)
    draw.rectangle((0, 0, right + corner[0], bottom + corner[1]), fill="#202225")
    draw.text(corner, str(number), font=font, fill="white")
    return marked


def lettered(pictures: Sequence[bytes | None], limit: int) -> tuple[bytes, str]:
    """Pictures side by side, A, B, C … in their corners, without their recipes: a ballot tells nothing else."""
    there = {place: open_shown(picture) for place, picture in enumerate(pictures) if picture is not None}
    width, height = next((one.size for one in there.values()), (256, 256))
    cells = [there[place].convert("RGB") if place in there else Image.new("RGB", (width, height), "#202225")
             for place in range(len(pictures))]  # fmt: skip
    side = max(16, min(width, height) // 8)
    for letter, cell in zip("ABCDEFGHIJ", cells, strict=False):
        draw = ImageDraw.Draw(cell)
        draw.rounded_rectangle((0, 0, side, side), side // 5, fill="#202225")
        draw.text((side // 2, side // 2), letter, "white", ImageFont.load_default(side * 0.7), anchor="mm")
    return fit_upload(encode_png(mosaic([cell.resize((width, height)) for cell in cells])), limit)


def contact_sheet(pictures: Sequence[bytes], limit: int, side: int = 256, columns: int | None = None) -> bytes:
    """Thumbnails side by side as one WebP of at most `limit` bytes."""
    cells = [Image.new("RGB", (side, side), "#202225") for _ in pictures]
    for cell, picture in zip(cells, pictures, strict=True):
        thumbnail = open_shown(picture)
        thumbnail.thumbnail((side, side))
        cell.paste(thumbnail, ((side - thumbnail.width) // 2, (side - thumbnail.height) // 2))
    return fit_webp(mosaic(cells, columns), limit)


def region_mask(picture: bytes, regions: Collection[int]) -> bytes:
    """White in the given ninths of the picture, black elsewhere."""
    width, height = open_picture(picture).size
    mask = Image.new("RGB", (width, height), "black")
    for region in regions:
        row, column = divmod(region, 3)
        left, right = width * column // 3, width * (column + 1) // 3
        top, bottom = height * row // 3, height * (row + 1) // 3
        mask.paste("white", (left, top, right, bottom))
    return encode_png(mask)


def animate(frames: Sequence[bytes], pictures: Sequence[bytes], limit: int) -> bytes:
    """An animated WebP that ends with the finished pictures; of lower quality, then with half the sides, until it fits.

    The kept frames are small; all are shown at one size that can be seen well.
    """
    shown = [open_picture(frame) for frame in frames]
    shown.append(mosaic([open_shown(picture) for picture in pictures]))
    scale = FILM_SIDE / max(shown[-1].size)
    size = (round(shown[-1].width * scale), round(shown[-1].height * scale))
    while True:
        film = [picture.resize(size, Image.Resampling.LANCZOS) for picture in shown]
        for quality in (80, 60, 40, 20):
            encoded = _animated(film, quality)
            if len(encoded) <= limit or max(size) <= 16:
                return encoded
        size = (size[0] // 2 or 1, size[1] // 2 or 1)


def _animated(pictures: Sequence[Image.Image], quality: int) -> bytes:
    durations = [FRAME_MS] * (len(pictures) - 1) + [LAST_FRAME_MS]
    buffer = io.BytesIO()
    first, *others = pictures
    first.save(buffer, "WEBP", save_all=True, append_images=others, duration=durations, loop=0, quality=quality)
    return buffer.getvalue()
