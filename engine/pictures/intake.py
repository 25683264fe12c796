"""The intake door: one still picture file of a known format, in sRGB, upright, of 8 bits, without metadata. Torch-free.

Formats: PNG (ISO/IEC 15948), JPEG, WebP, AVIF by Pillow, and HEIC by libheif (`pillow-heif`).
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener  # pyright: ignore[reportUnknownVariableType]

from engine.errors import InvalidRequest
from engine.pictures.color_conversion import eight_bits, to_srgb

MAX_INTAKE_PIXELS = 25_000_000
INTAKE_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "HEIF")
NO_PICTURE = "this is no picture; send a PNG, JPEG, WebP, HEIC or AVIF file"
DAMAGED = "the picture file is damaged; save it again and resend it"
_ANIMATED = frozenset({"PNG", "WEBP", "AVIF"})
"""JPEG and HEIC files of phones carry further views beside their picture, and no animation."""
_DRAFT_SLACK = 0.9
"""A JPEG decoder scales by halves at nearly no cost; this much smaller than asked for will do."""
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PNG_ORIENTATION = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
"""Text chunks of a PNG that may say which side is up."""

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


def open_header(data: bytes) -> Image.Image:
    """The picture before any pixel is decoded. Raises what Pillow raises."""
    return Image.open(io.BytesIO(_png_without_text(data)), formats=INTAKE_FORMATS)


def decode(data: bytes, field: str, most_pixels: int | None = None) -> Image.Image:
    """One picture of mode "L", "RGB" or "RGBA", upright, in sRGB, of at most `most_pixels` (width times height).

    Sizes and frames are judged from the header, before any pixel is decoded. Raises `InvalidRequest(field, why)`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return _decoded(data, field, most_pixels)
        except UnidentifiedImageError as error:
            raise InvalidRequest(field, NO_PICTURE) from error
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise InvalidRequest(field, _too_large()) from error
        except (OSError, ValueError, SyntaxError, OverflowError, EOFError, RuntimeError, struct.error) as error:
            raise InvalidRequest(field, DAMAGED) from error


def _decoded(data: bytes, field: str, most_pixels: int | None) -> Image.Image:
    opened = open_header(data)
    _judge(opened, field)
    if most_pixels is not None and opened.format in {"JPEG", "MPO"}:
        width, height = _within(opened.size, most_pixels)
        opened.draft(opened.mode, (int(width * _DRAFT_SLACK) or 1, int(height * _DRAFT_SLACK) or 1))
    if opened.mode == "RGB" and not opened.has_transparency_data:
        opened.load()
        image: Image.Image = opened
    else:
        image = eight_bits(opened)
    _judge(image, field)  # a HEIC file may hold another size than its header says
    if most_pixels is not None and image.width * image.height > most_pixels:
        image = image.resize(_within(image.size, most_pixels), Image.Resampling.LANCZOS, reducing_gap=1.0)
    image = _upright(image)
    if profile := image.info.get("icc_profile"):
        image = to_srgb(image, profile, is_grey=opened.mode in {"1", "L", "LA", "I;16"})
    return _without_metadata(image)


def _within(size: tuple[int, int], most_pixels: int) -> tuple[int, int]:
    scale = min(1.0, (most_pixels / (size[0] * size[1])) ** 0.5)
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _judge(image: Image.Image, field: str) -> None:
    width, height = image.size
    if width * height > MAX_INTAKE_PIXELS:
        raise InvalidRequest(field, f"{width}x{height} pixels are too many; {_too_large()}")
    if image.format in _ANIMATED and getattr(image, "n_frames", 1) > 1:
        raise InvalidRequest(field, "animated pictures are not taken; send a still one")


def _too_large() -> str:
    return f"at most {MAX_INTAKE_PIXELS // 1_000_000} megapixels are taken, so make it smaller first"


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except (OSError, ValueError, SyntaxError, LookupError, TypeError, struct.error):
        return image  # broken metadata is no reason to refuse the pixels


def _without_metadata(image: Image.Image) -> Image.Image:
    image.info = {}
    return image


def _png_without_text(data: bytes) -> bytes:
    """The same PNG file without its text chunks; a file of another format stays as it is.

    Pillow refuses a PNG whose compressed texts exceed 1 MiB, or all of whose texts exceed 64 MiB.
    """
    if not data.startswith(_PNG_SIGNATURE):
        return data
    whole = memoryview(data)
    return b"".join((_PNG_SIGNATURE, *(whole[start:end] for start, end in _png_kept(data))))


def _png_kept(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each chunk to keep; the last one may be cut off."""
    start = len(_PNG_SIGNATURE)
    while start < len(data):
        head = data[start : start + 8]
        end = start + 12 + struct.unpack(">I", head[:4])[0] if len(head) == 8 else len(data)
        if head[4:] not in _PNG_TEXTS or data.startswith(_PNG_ORIENTATION, start + 8):
            yield start, end
        start = end
