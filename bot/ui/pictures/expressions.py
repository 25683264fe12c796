"""A picture cut to the size of an emoji or a sticker."""

from __future__ import annotations

from PIL import Image

from engine import encode_png, open_with_alpha

_CLEAR = 8
"""Alpha up to this, of 255, is seen as nothing at the edges of a cut-out picture."""


def expression_png(picture: bytes, side: int) -> bytes:
    """The picture as a PNG of `side` by `side` pixels without its recipe.

    What is cut out is shown whole, on transparency; of a picture with a background the middle is taken.
    """
    opened = open_with_alpha(picture)
    square = _around_subject(opened) if opened.mode == "RGBA" else _middle(opened)
    return encode_png(square.resize((side, side), Image.Resampling.LANCZOS), compress_level=9)


def _middle(picture: Image.Image) -> Image.Image:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))


def _around_subject(picture: Image.Image) -> Image.Image:
    """The smallest square, on transparency, with everything that is not transparent in its middle."""
    seen = picture.getchannel("A").point([0] * (_CLEAR + 1) + [255] * (255 - _CLEAR)).getbbox()
    subject = picture.crop(seen) if seen is not None else picture
    side = max(subject.size)
    square = Image.new("RGBA", (side, side))
    square.paste(subject, ((side - subject.width) // 2, (side - subject.height) // 2))
    return square
