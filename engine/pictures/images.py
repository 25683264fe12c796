"""Pictures in and out: the intake door, PNG with its recipe, grids and small WebPs. Torch-free, Pillow only."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from engine.errors import InvalidRequest
from engine.pictures.intake import decode, open_header

_LYING = (5, 6, 7, 8)
"""Exif's orientations with the sides exchanged."""
_SQUARES = 24
"""Squares of the checkerboard along a picture's shorter side."""
_GREYS = ("#f2f2f3", "#dfdfe2")
_QUALITIES = (75, 50, 25, 10)


class PictureTooLarge(ValueError):
    """No picture fits into so few bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"no picture fits into {limit} bytes")


def open_picture(data: bytes, field: str = "image", most_pixels: int | None = None) -> Image.Image:
    """Decode one still PNG, JPEG, WebP, AVIF or HEIC of at most 25 megapixels to RGB, upright and without metadata.

    Colours become sRGB and transparent parts white. A picture of more than `most_pixels` is made smaller.
    Raises `InvalidRequest(field, why)` for everything else, broken files and decompression bombs among them.
    """
    return _flatten(open_with_alpha(data, field, most_pixels), "white").convert("RGB")


def open_with_alpha(data: bytes, field: str = "image", most_pixels: int | None = None) -> Image.Image:
    """As `open_picture`, but a picture with transparent parts keeps them, in mode "RGBA"."""
    decoded = decode(data, field, most_pixels)
    if decoded.mode != "RGBA":
        return decoded.convert("RGB")
    least, most = decoded.getchannel("A").getextrema()
    if most == 0:
        raise InvalidRequest(field, "there is nothing to see in it: all of it is transparent")
    return decoded.convert("RGB") if least == 255 else decoded


def open_shown(data: bytes) -> Image.Image:
    """As `open_picture`, but transparent parts show a quiet checkerboard."""
    return over_checkerboard(open_with_alpha(data))


def over_checkerboard(picture: Image.Image) -> Image.Image:
    """An RGB picture; transparent parts show a quiet checkerboard of two light greys."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    side = max(4, min(picture.size) // _SQUARES)
    tile = Image.new("RGB", (2 * side, 2 * side), _GREYS[0])
    for corner in ((side, 0), (0, side)):
        tile.paste(_GREYS[1], (*corner, corner[0] + side, corner[1] + side))
    board = Image.new("RGB", picture.size)
    for top in range(0, picture.height, 2 * side):
        for left in range(0, picture.width, 2 * side):
            board.paste(tile, (left, top))
    board.paste(picture, mask=picture.getchannel("A"))
    return board


def without_hidden_colours(picture: Image.Image) -> Image.Image:
    """The picture with black where nothing of it can be seen: what was cut away is not in the file."""
    if picture.mode != "RGBA":
        return picture
    seen = picture.getchannel("A").point([0] + [255] * 255)
    return Image.composite(picture, Image.new("RGBA", picture.size), seen)


def as_anybody_sees_it(picture: Image.Image) -> tuple[Image.Image, ...]:
    """The RGB pictures to check: a picture with transparent parts on white and on black, and its bare colours."""
    if picture.mode != "RGBA":
        return (picture,)
    grounds = (_flatten(picture, "white"), _flatten(picture, "black"), picture)
    return tuple(ground.convert("RGB") for ground in grounds)


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height of a picture that `open_picture` takes, upright, without decoding it."""
    opened = open_header(data)
    lies = opened.getexif().get(ExifTags.Base.Orientation) in _LYING
    return (opened.height, opened.width) if lies else opened.size


def open_mask(
    data: bytes, size: tuple[int, int] | None = None, field: str = "mask", most_pixels: int | None = None
) -> Image.Image:
    """Decode a mask to mode "L", by default at its own size: white is drawn anew, black and transparent are kept."""
    mask = _flatten(decode(data, field, most_pixels), "black").convert("L")
    return mask if size in (None, mask.size) else mask.resize(size, Image.Resampling.BILINEAR)


def _flatten(image: Image.Image, background: str) -> Image.Image:
    if image.mode != "RGBA":
        return image
    canvas = Image.new("RGBA", image.size, background)
    canvas.alpha_composite(image)
    return canvas


def encode_png(image: Image.Image, text: Mapping[str, str] | None = None, compress_level: int = 4) -> bytes:
    """Encode losslessly with the given text chunks; the same picture and text give the same bytes."""
    chunks = PngInfo()
    for key, value in (text or {}).items():
        chunks.add_text(key, value)
    return _save(image, "PNG", pnginfo=chunks, compress_level=compress_level)


def read_text(png: bytes) -> dict[str, str]:
    """The text chunks of a PNG, without decoding its pixels; {} when there are none or it is no PNG."""
    try:
        opened = Image.open(io.BytesIO(png), formats=("PNG",))
        return {str(key): str(value) for key, value in opened.info.items() if isinstance(value, str)}
    except (OSError, ValueError, SyntaxError):
        return {}


def encode_jpeg(image: Image.Image, quality: int = 80) -> bytes:
    """Encode to JPEG: larger than WebP, and much faster."""
    return _save(image, "JPEG", quality=quality)


def fit_webp(image: Image.Image, limit: int) -> bytes:
    """Encode to WebP of at most `limit` bytes: first at lower quality, then at smaller size."""
    return _fit(image, limit, "WEBP", method=4)


def fit_jpeg(image: Image.Image, limit: int) -> bytes:
    """As `fit_webp`, but to JPEG: larger files, in a sixth of the time."""
    return _fit(image, limit, "JPEG")


def _fit(image: Image.Image, limit: int, format_: str, **options: object) -> bytes:
    while True:
        for quality in _QUALITIES:
            encoded = _save(image, format_, quality=quality, **options)
            if len(encoded) <= limit:
                return encoded
        if max(image.size) <= 16:
            raise PictureTooLarge(limit)
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.BOX)


def fit_upload(png: bytes, limit: int) -> tuple[bytes, str]:
    """The picture in at most `limit` bytes with its file suffix: the PNG itself, else a WebP as good as fits.

    A WebP keeps the `parameters` text where other tools look for it: as the user comment of its EXIF data.
    """
    if len(png) <= limit:
        return png, "png"
    image = Image.open(io.BytesIO(png), formats=("PNG",))
    exif = _comment(read_text(png).get("parameters", ""))
    lossless = _save(image, "WEBP", lossless=True, quality=50, method=2, exif=exif)
    return (lossless if len(lossless) <= limit else _fit(image, limit, "WEBP", method=4, exif=exif)), "webp"


def _comment(text: str) -> bytes:
    if not text:
        return b""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + text.encode("utf-16-be")
    return exif.tobytes()


def mosaic(cells: Sequence[Image.Image], columns: int | None = None) -> Image.Image:
    """All cells side by side in reading order, as square as possible; transparent parts show a checkerboard.

    Places without a cell are dark grey, as what is around a smaller thumbnail.
    """
    if not cells:
        raise ValueError("a mosaic needs at least one cell")
    columns = columns or _columns(len(cells))
    rows = math.ceil(len(cells) / columns)
    width, height = cells[0].size
    canvas = Image.new("RGB", (width * min(columns, len(cells)), height * rows), "#202225")
    for index, cell in enumerate(cells):
        canvas.paste(over_checkerboard(cell), (index % columns * width, index // columns * height))
    return canvas


def _columns(count: int) -> int:
    """As square as possible; a sheet of many cells may be half as wide again where that leaves no gap at its end."""
    fewest = math.ceil(math.sqrt(count))
    wider = range(fewest, fewest * 3 // 2 + 1) if count > 9 else ()
    return next((columns for columns in wider if count % columns == 0), fewest)


def _save(image: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()
