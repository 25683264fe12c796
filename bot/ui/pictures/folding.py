"""Pictures of an exquisite corpse: the edge that somebody goes on from, and all figures beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from bot.domain.games.corpse import EDGE, GROWTH, TRIM, Shape
from engine import encode_png, fit_upload, fit_webp, open_shown

PAPER, GROUND = "#f4f1ea", "#202225"
_SHORTER = 384
"""Shorter side of what is shown, in pixels."""
_GAP = 8


def edge(picture: bytes, shape: Shape, limit: int) -> tuple[bytes, str]:
    """The joining edge with blank paper where the next band goes, in at most `limit` bytes, with the file suffix.

    Nothing of the picture but its edge, and no recipe.
    """
    shown = open_shown(picture).convert("RGB")
    shorter = min(shown.size)
    cut, seen, more = (round(share * shorter) for share in (TRIM, EDGE, GROWTH))
    width, height = shown.size
    is_wide = shape is Shape.WIDE
    box = (width - cut - seen, 0, width - cut, height) if is_wide else (0, height - cut - seen, width, height - cut)
    paper = Image.new("RGB", (seen + more, height) if is_wide else (width, seen + more), PAPER)
    paper.paste(shown.crop(box))
    scale = max(1.0, _SHORTER / min(paper.size))
    large = paper.resize((round(paper.width * scale), round(paper.height * scale)), Image.Resampling.LANCZOS)
    return fit_upload(encode_png(large), limit)


def album(pictures: Sequence[bytes], shape: Shape, limit: int) -> tuple[bytes, str]:
    """All figures as one picture of at most `limit` bytes, with the file suffix: tall ones in a row, wide ones below
    each other, equally thick."""
    is_wide = shape is Shape.WIDE
    figures = [_thick(open_shown(picture).convert("RGB"), is_wide=is_wide) for picture in pictures]
    longest = max(figure.height if not is_wide else figure.width for figure in figures)
    step = _SHORTER + _GAP
    size = (longest, step * len(figures) - _GAP) if is_wide else (step * len(figures) - _GAP, longest)
    sheet = Image.new("RGB", size, GROUND)
    for place, figure in enumerate(figures):
        sheet.paste(figure, (0, place * step) if is_wide else (place * step, 0))
    return fit_webp(sheet, limit), "webp"


def _thick(figure: Image.Image, *, is_wide: bool) -> Image.Image:
    scale = _SHORTER / (figure.height if is_wide else figure.width)
    return figure.resize((round(figure.width * scale), round(figure.height * scale)), Image.Resampling.LANCZOS)
