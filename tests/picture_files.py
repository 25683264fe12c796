"""Picture files as cameras, phones and scanners write them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

_P3_D50 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
"""Display P3's primaries, adapted to D50 as ICC profiles have them."""
_TO_SRGB = np.array([[1.2249402, -0.2249404, 0.0], [-0.0420569, 1.0420571, 0.0], [-0.0196376, -0.0786361, 1.0982735]])
"""Linear Display P3 to linear sRGB, CSS Color 4."""


def encoded(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    """The file."""
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(size: tuple[int, int], depth: int, colour: int, rows: bytes, *others: bytes) -> bytes:
    """A PNG of that bit depth and colour type from rows as they are in the file, without their filter bytes."""
    width, height = size
    length = len(rows) // height
    data = b"".join(b"\0" + rows[row * length : (row + 1) * length] for row in range(height))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(others) + body + chunk(b"IEND", b"")


def display_p3() -> bytes:
    """An ICC profile with Display P3's primaries and sRGB's curve."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for index in range(struct.unpack_from(">I", profile, 128)[0]):
        name, at, _ = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if name in _P3_D50:
            struct.pack_into(">3i", profile, at + 8, *(round(value * 65536) for value in _P3_D50[name]))
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "P3  ".encode("utf-16-be"))


def p3_in_srgb(colour: tuple[int, int, int]) -> tuple[int, ...]:
    """What a Display P3 colour is in sRGB, by the formulas."""
    share = np.array(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    turned = np.clip(_TO_SRGB @ linear, 0, 1)
    coded = np.where(turned <= 0.0031308, turned * 12.92, 1.055 * turned ** (1 / 2.4) - 0.055)
    return tuple(int(level) for level in np.round(coded * 255))


def photograph(width: int, height: int) -> Image.Image:
    """Soft colours with a camera's noise: as heavy as real photographs are."""
    random = np.random.default_rng(1)
    soft = Image.fromarray(random.integers(0, 255, (40, 60, 3), dtype=np.uint8)).resize((width, height))
    grain = Image.effect_noise((width, height), 18).convert("RGB")
    return Image.blend(soft, grain, 0.35)
