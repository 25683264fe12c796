"""The family tree of a picture, drawn as one picture: a row for each job, indented under its parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from engine.images import fit_webp, open_picture

THUMBNAIL = 96
INDENT = 56
GAP = 12
CAPTION_WIDTH = 360
BACKGROUND, LINE, INK = "#202225", "#72767d", "#dcddde"


@dataclass(frozen=True, slots=True)
class Relative:
    """One job in the tree, listed after its parent."""

    id: str
    parent_id: str | None
    depth: int
    picture: bytes | None
    caption: str


def draw(relatives: Sequence[Relative], limit: int) -> bytes:
    """The tree as a WebP of at most `limit` bytes."""
    deepest = max(relative.depth for relative in relatives)
    size = (2 * GAP + deepest * INDENT + THUMBNAIL + CAPTION_WIDTH, GAP + len(relatives) * (THUMBNAIL + GAP))
    canvas = Image.new("RGB", size, BACKGROUND)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    places = {relative.id: _place(row, relative.depth) for row, relative in enumerate(relatives)}
    for relative in relatives:
        _connect(pen, places, relative)
    for relative in relatives:
        left, top = places[relative.id]
        canvas.paste(_thumbnail(relative.picture), (left, top))
        pen.text((left + THUMBNAIL + GAP, top + THUMBNAIL // 2), relative.caption, INK, font, anchor="lm")
    return fit_webp(canvas, limit)


def _place(row: int, depth: int) -> tuple[int, int]:
    return GAP + depth * INDENT, GAP + row * (THUMBNAIL + GAP)


def _connect(pen: ImageDraw.ImageDraw, places: dict[str, tuple[int, int]], relative: Relative) -> None:
    if relative.parent_id not in places:
        return
    (parent_left, parent_top), (left, top) = places[relative.parent_id], places[relative.id]
    stem, middle = parent_left + INDENT // 2, top + THUMBNAIL // 2
    pen.line([(stem, parent_top + THUMBNAIL), (stem, middle), (left, middle)], LINE, 2)


def _thumbnail(picture: bytes | None) -> Image.Image:
    square = Image.new("RGB", (THUMBNAIL, THUMBNAIL), LINE)
    if picture is not None:
        image = open_picture(picture)
        image.thumbnail((THUMBNAIL, THUMBNAIL))
        square.paste(image, ((THUMBNAIL - image.width) // 2, (THUMBNAIL - image.height) // 2))
    return square
