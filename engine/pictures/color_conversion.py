"""From what picture files hold to plain colours: 8 bits for each channel, real transparency, sRGB. Torch-free."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (Pillow leaves types of its colour management open)

from __future__ import annotations

import contextlib
import io
from typing import Any

from PIL import Image, ImageCms

_WHITE_16 = 65535
_SHADES = {"L;2": 3, "L;4": 15}
"""Grey of few bits, by Pillow's raw mode, and the number that stands for white in the file."""
_GREY_16 = [round(level / 257) for level in range(_WHITE_16 + 1)]


def eight_bits(opened: Image.Image) -> Image.Image:
    """Decode to mode "L", "RGB", "CMYK" or, with transparent parts, "RGBA".

    The level or colour that a PNG names as transparent (tRNS) is given in the file's own depth, which Pillow does not
    scale along with the pixels.
    """
    tiles: Any = getattr(opened, "tile", None)
    raw_mode = tiles[0].args if tiles else None
    opened.load()
    clear = opened.info.get("transparency")
    if opened.mode.startswith("I"):
        return _grey_of_16_bits(opened, clear)
    if isinstance(clear, int) and raw_mode in _SHADES:
        opened.info["transparency"] = clear * 255 // _SHADES[raw_mode]
    if isinstance(clear, tuple) and raw_mode == "RGB;16B":
        opened.info["transparency"] = tuple(int(level) >> 8 for level in clear)
    if opened.has_transparency_data:
        return opened.convert("RGBA")
    return opened if opened.mode in {"L", "RGB", "CMYK"} else opened.convert("L" if opened.mode == "1" else "RGB")


def _grey_of_16_bits(opened: Image.Image, clear: int | None) -> Image.Image:
    """Pillow would cut it off at 255 instead of scaling it."""
    levels = opened.convert("I")
    grey = levels.point(_GREY_16, "L")
    if clear is None:
        return grey
    grey.info.pop("transparency", None)
    drawn = grey.convert("RGBA")
    drawn.putalpha(levels.point([0 if level == clear else 255 for level in range(_WHITE_16 + 1)], "L"))
    return drawn


def to_srgb(image: Image.Image, profile: bytes, *, is_grey: bool) -> Image.Image:
    """Apply the picture's ICC profile (ISO 15076-1); one that is broken or of another kind does not count."""
    with contextlib.suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
        given: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(given.profile.xcolor_space.strip(), "")
        fits = is_grey or mode == "RGB" if image.mode in {"L", "RGBA"} else image.mode == mode
        if fits and mode and (mode == "CMYK") == (image.mode == "CMYK") and not _is_srgb(given):
            return _converted(image, mode, given)
    return image


def _is_srgb(given: Any) -> bool:
    return str(given.profile.profile_description).startswith("sRGB")


def _converted(image: Image.Image, mode: str, given: Any) -> Image.Image:
    srgb: Any = ImageCms.createProfile("sRGB")
    plain = ImageCms.profileToProfile(image.convert(mode), given, srgb, outputMode="RGB")
    if plain is None:
        return image
    if image.mode == "RGBA":
        plain.putalpha(image.getchannel("A"))
    return plain
