"""Undoes disguises of a text: upside-down letters, and letters drawn with circles and bars."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

_TURNED_NAME = re.compile(r"LATIN (?:SMALL|CAPITAL) LETTER (?:TURNED|REVERSED|SIDEWAYS) ([A-Z])")
_TURNED_BLOCKS = ((0x0180, 0x02B0), (0x1D00, 0x1D80), (0x2C60, 0x2C80), (0xA720, 0xA800))
_TURNED_SIGNS = {
    "ɔ": "c", "ɟ": "f", "ƃ": "g", "ᵷ": "g", "ı": "i", "ɾ": "j", "ſ": "j", "ן": "l", "˥": "l", "⅂": "l",
    "∀": "a", "Ɔ": "c", "Ǝ": "e", "Ⅎ": "f", "⅁": "g", "ᴚ": "r", "⊥": "t", "┴": "t", "∩": "u", "⅄": "y",
}  # fmt: skip
"""Turned letters whose Unicode name does not name the upright letter."""
_PLAIN_TURNED = {"d": "p", "p": "d", "b": "q", "q": "b", "n": "u", "u": "n", "m": "w", "w": "m"}
"""ASCII letters that read as other letters when turned by 180 degrees."""
_CIRCLES = re.compile("[○◯●◌◍◎◉◦⊙⊚⊛⊘⊗⊕⦿☉⚪⚫⚬⬤⭕⭘∅∘°ㅇ🔴🔵🟠🟡🟢🟣🟤🞅]|(?<=\\w)(?:\\(\\)|\\[\\]|\\{\\}|<>)(?=\\w)")
_BARS = re.compile("[¦│┃▏▎▍❘❙❚⎮⏐⎸⎹︱︳‖∥║ǁ׀╎╏┆┇┊┋⎪]")


def disguises(text: str) -> Iterator[str]:
    """Yield one reading of the text for each disguise that it contains."""
    if _CIRCLES.search(text) or _BARS.search(text):
        yield _BARS.sub("|", _CIRCLES.sub("o", text))
    if not text.isascii() and _has_turned().search(text):
        yield text.translate(_turned())
        yield text.lower().translate(_turned_page())[::-1]


@functools.cache
def _turned() -> dict[int, str]:
    """Return the translation table from turned letters (code points) to upright ones."""
    table = {ord(sign): letter for sign, letter in _TURNED_SIGNS.items()}
    for first, end in _TURNED_BLOCKS:
        for code in range(first, end):
            if found := _TURNED_NAME.fullmatch(unicodedata.name(chr(code), "")):
                table[code] = found[1].lower()
    return table


@functools.cache
def _turned_page() -> dict[int, str]:
    """Return the table of `_turned` for a whole line turned by 180 degrees."""
    return {ord(letter): other for letter, other in _PLAIN_TURNED.items()} | _turned()


@functools.cache
def _has_turned() -> re.Pattern[str]:
    return re.compile("[" + "".join(map(chr, _turned())) + "]")
