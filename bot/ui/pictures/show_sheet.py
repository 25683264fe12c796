"""The pictures of a show side by side, each with a letter and nothing else that could tell whose it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from bot.ui.pictures.lineage_tree import BACKGROUND, FAINT, INK
from engine import fit_webp, mosaic, open_shown

SIDE, GAP, PLATE = 400, 8, 56


def columns(count: int) -> int:
    """How many stand in a row."""
    return 5 if count > 8 else math.ceil(count / 2) if count > 2 else max(1, count)


def show_sheet(pictures: Sequence[bytes | None], limit: int) -> bytes:
    """A WebP of at most `limit` bytes, A at the left; None stands for one that was taken down."""
    cells = [_cell(picture, "ABCDEFGHIJ"[place]) for place, picture in enumerate(pictures)]
    return fit_webp(mosaic(cells, columns(len(cells))), limit)


def _cell(picture: bytes | None, letter: str) -> Image.Image:
    cell = Image.new("RGB", (SIDE + GAP, SIDE + GAP), BACKGROUND)
    pen = ImageDraw.Draw(cell)
    if picture is None:
        pen.text((cell.width // 2, cell.height // 2), "-", FAINT, ImageFont.load_default(PLATE), anchor="mm")
    else:
        shown = open_shown(picture).convert("RGB")
        scale = SIDE / max(shown.size)
        shown = shown.resize((max(1, round(shown.width * scale)), max(1, round(shown.height * scale))))
        cell.paste(shown, ((cell.width - shown.width) // 2, (cell.height - shown.height) // 2))
    pen.rounded_rectangle((GAP, GAP, GAP + PLATE, GAP + PLATE), PLATE // 5, fill=BACKGROUND)
    middle = GAP + PLATE // 2
    pen.text((middle, middle), letter, INK, ImageFont.load_default(PLATE * 0.7), anchor="mm")
    return cell
