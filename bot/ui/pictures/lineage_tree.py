"""The family tree of a picture, drawn as one picture: a row for each job, indented under its parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from bot.ui.pictures import fonts
from engine import fit_webp, mosaic, open_shown

THUMBNAIL = 112
INDENT = 56
GAP = 14
CAPTION_WIDTH = 420
BACKGROUND, LINE, INK, FAINT = "#202225", "#72767d", "#f2f3f5", "#b5bac1"
_LAST_LATIN = "\u024f"
"""Up to here Pillow's own font has letters, and needs no loading."""


AnyFont = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Relative:
    """One job in the tree, listed after its parent."""

    id: str
    parent_id: str | None
    depth: int
    pictures: tuple[bytes, ...]
    caption: str
    detail: str = ""


def draw(relatives: Sequence[Relative], limit: int, asked: str = "") -> bytes:
    """The tree as a WebP of at most `limit` bytes, with a frame around the job that was asked for."""
    deepest = max(relative.depth for relative in relatives)
    size = (3 * GAP + deepest * INDENT + THUMBNAIL + CAPTION_WIDTH, GAP + len(relatives) * (THUMBNAIL + GAP))
    canvas = Image.new("RGB", size, BACKGROUND)
    pen = ImageDraw.Draw(canvas)
    places = {relative.id: _place(row, relative.depth) for row, relative in enumerate(relatives)}
    for relative in relatives:
        _connect(pen, places, relative)
    for relative in relatives:
        left, top = places[relative.id]
        if relative.pictures:
            canvas.paste(thumbnail(relative.pictures), (left, top))
        if relative.id == asked:
            pen.rectangle((left - 4, top - 4, left + THUMBNAIL + 3, top + THUMBNAIL + 3), outline=INK, width=3)
        beside = THUMBNAIL if relative.pictures or relative.id == asked else 0
        _label(pen, relative, left + GAP + beside, top)
    return fit_webp(canvas, limit)


def _place(row: int, depth: int) -> tuple[int, int]:
    return GAP + depth * INDENT, GAP + row * (THUMBNAIL + GAP)


def _label(pen: ImageDraw.ImageDraw, relative: Relative, left: int, top: int) -> None:
    middle = top + THUMBNAIL // 2
    write(pen, relative.caption, 17, (left, middle - 12), INK)
    write(pen, relative.detail, 13, (left, middle + 12), FAINT)


def write(
    pen: ImageDraw.ImageDraw, words: str, size: int, place: tuple[int, int], ink: str, width: int = CAPTION_WIDTH
) -> None:
    """Write one line of at most `width` pixels, whose middle left end is at `place`."""
    drawn, font = _drawn(words, size)
    pen.text(place, _fitted(drawn, font, width), ink, font, anchor="lm")


def _drawn(words: str, size: int) -> tuple[str, AnyFont]:
    """Return the part of the text that can be drawn, and its font."""
    if all(letter <= _LAST_LATIN for letter in words):
        return words, ImageFont.load_default(size)
    found = fonts.best(words)
    return fonts.drawable(words, found), ImageFont.truetype(found.file, size)


def _fitted(drawn: str, font: AnyFont, width: int) -> str:
    """The words in one line, with dots where it ends too early."""
    if font.getlength(drawn) <= width:
        return drawn
    while drawn and font.getlength(drawn + "...") > width:
        drawn = drawn[:-1]
    return drawn.rstrip() + "..."


def _connect(pen: ImageDraw.ImageDraw, places: dict[str, tuple[int, int]], relative: Relative) -> None:
    if relative.parent_id not in places:
        return
    (parent_left, parent_top), (left, top) = places[relative.parent_id], places[relative.id]
    stem, middle = parent_left + INDENT // 2, top + THUMBNAIL // 2
    pen.line([(stem, parent_top + THUMBNAIL), (stem, middle), (left, middle)], LINE, 2)


def thumbnail(pictures: Sequence[bytes], side: int = THUMBNAIL) -> Image.Image:
    """All cells of a job in one square of `side` pixels."""
    square = Image.new("RGB", (side, side), BACKGROUND)
    grid = mosaic([open_shown(picture) for picture in pictures])
    grid.thumbnail((side, side))
    square.paste(grid, ((side - grid.width) // 2, (side - grid.height) // 2))
    return square
