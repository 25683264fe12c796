"""A sheet of sample pictures, each with the number of its line in the text."""

from __future__ import annotations

from collections.abc import Mapping

from PIL import Image, ImageDraw, ImageFont

from engine import fit_webp, mosaic, open_shown

SIDE = 256
"""Of one sample, in pixels."""
_BACKGROUND, _INK = "#202225", "#ffffff"
_BADGE = 34


def thumbnail(picture: bytes) -> bytes:
    """A picture as a small WebP. Raises `InvalidRequest` for what is none."""
    opened = open_shown(picture)
    opened.thumbnail((SIDE, SIDE))
    return fit_webp(opened, 200_000)


def numbered_sheet(samples: Mapping[int, bytes], limit: int) -> bytes:
    """The samples in the order of their numbers, each number in a corner, as one WebP of at most `limit` bytes."""
    return fit_webp(mosaic([_cell(number, samples[number]) for number in sorted(samples)]), limit)


def _cell(number: int, picture: bytes) -> Image.Image:
    cell, sample = Image.new("RGB", (SIDE, SIDE), _BACKGROUND), open_shown(picture)
    sample.thumbnail((SIDE, SIDE))
    cell.paste(sample, ((SIDE - sample.width) // 2, (SIDE - sample.height) // 2))
    pen = ImageDraw.Draw(cell)
    pen.rounded_rectangle((6, 6, 6 + _BADGE, 6 + _BADGE), 8, _BACKGROUND)
    pen.text((6 + _BADGE / 2, 6 + _BADGE / 2), str(number), _INK, ImageFont.load_default(20), anchor="mm")
    return cell
