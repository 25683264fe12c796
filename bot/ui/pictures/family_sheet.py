"""A contact sheet of a picture's family: what it was made from, itself, and what was made of it."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from bot.ui.pictures.lineage_tree import BACKGROUND, FAINT, GAP, INK, Relative, thumbnail, write
from engine import fit_webp

SIDE, LABEL = 200, 46
COLUMNS = 3


def family_sheet(above: Sequence[Relative], asked: Relative, below: Sequence[Relative], limit: int) -> bytes:
    """Ancestors and the picture itself in the first row, its children below, numbered, as a WebP in `limit` bytes."""
    rows = [[*above, asked], *(below[start : start + COLUMNS] for start in range(0, len(below), COLUMNS))]
    size = (GAP + COLUMNS * (SIDE + GAP), GAP + len(rows) * (SIDE + LABEL + GAP))
    canvas = Image.new("RGB", size, BACKGROUND)
    pen, number = ImageDraw.Draw(canvas), 0
    for row, relatives in enumerate(rows):
        for column, one in enumerate(relatives):
            number += 1
            left, top = GAP + column * (SIDE + GAP), GAP + row * (SIDE + LABEL + GAP)
            if one.pictures:
                canvas.paste(thumbnail(one.pictures, SIDE), (left, top))
            if one is asked:
                pen.rectangle((left - 4, top - 4, left + SIDE + 3, top + SIDE + 3), outline=INK, width=3)
            write(pen, f"{number}. {one.caption}", 15, (left, top + SIDE + 14), INK, SIDE)
            write(pen, one.detail, 12, (left, top + SIDE + 34), FAINT, SIDE)
    return fit_webp(canvas, limit)
