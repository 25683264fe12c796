"""PNG files without their text: prompts, workflows and comments may be larger than the picture. Torch-free."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_ORIENTATION = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
"""Texts that may say which side is up."""


def without_text(data: bytes) -> bytes:
    """The same file without its text chunks; what is no PNG stays as it is.

    Pillow refuses a PNG whose compressed texts exceed 1 MiB, or all of whose texts exceed 64 MiB.
    """
    if not data.startswith(_SIGNATURE):
        return data
    whole = memoryview(data)
    return b"".join((_SIGNATURE, *(whole[start:end] for start, end in _kept(data))))


def _kept(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each chunk to keep; the last one may be cut off."""
    start = len(_SIGNATURE)
    while start < len(data):
        head = data[start : start + 8]
        end = start + 12 + struct.unpack(">I", head[:4])[0] if len(head) == 8 else len(data)
        if head[4:] not in _TEXTS or data.startswith(_ORIENTATION, start + 8):
            yield start, end
        start = end
