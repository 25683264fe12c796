"""The words inside a picture's file: text chunks of a PNG, EXIF fields of a JPEG or WebP. Pixels are not decoded."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from engine.errors import InvalidRequest

MAX_CHARS = 1024 * 1024
_EXIF, _USER_COMMENT, _DESCRIPTION = 0x8769, 0x9286, 0x010E
_NAMED = ("workflow", "prompt", "parameters")
"""ComfyUI writes `prompt:{…}` into any field of a WebP's EXIF."""


def words_in(content: bytes) -> dict[str, str]:
    """Texts by their names; those of EXIF comments under "parameters". Raises `InvalidRequest` for no picture."""
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as opened:
            found = {str(key): text for key, text in opened.info.items() if isinstance(text, str)}
            found = {**_exif(opened.getexif()), **found}
    except Exception as error:  # Pillow raises whatever a broken file makes it stumble over
        if isinstance(error, MemoryError):
            raise
        raise InvalidRequest("image", "this is no PNG, JPEG or WebP file that could be read") from error
    return {key: text for key, text in found.items() if len(text) <= MAX_CHARS}


def _exif(exif: Image.Exif) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in exif.values():
        name, colon, text = value.partition(":") if isinstance(value, str) else ("", "", "")
        if colon and name.lower() in _NAMED:
            found[name.lower()] = text.strip("\0 ")
    inner: dict[int, Any] = exif.get_ifd(_EXIF)
    comment = _comment(inner.get(_USER_COMMENT)) or _comment(exif.get(_DESCRIPTION))
    return {"parameters": comment, **found} if comment else found


def _comment(value: object) -> str:
    """An EXIF comment: a code of eight bytes, then the text; some programs write the text alone."""
    if isinstance(value, str):
        return value.strip("\0 ")
    if not isinstance(value, bytes):
        return ""
    code, text = value[:8], value[8:]
    if code == b"UNICODE\0":
        # Big-endian by the standard of cameras, little-endian by some programs: Latin letters tell which.
        order = "be" if text[0:2:2] == b"\0" or text[::2].count(0) >= text[1::2].count(0) else "le"
        return text.decode(f"utf-16-{order}", "replace").strip("\0\ufeff ")
    text = text if code in (b"ASCII\0\0\0", b"\0" * 8) else value
    return text.decode("utf-8", "replace").strip("\0 ")
