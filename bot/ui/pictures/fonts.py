"""Fonts for text in any script: the shipped one, and those installed on the machine."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SHIPPED = "DejaVu Sans"
_OTHER_SCRIPTS = (
    *(f"Noto Sans CJK {region}" for region in ("JP", "SC", "TC", "KR")),
    *("WenQuanYi Zen Hei", "Hiragino Sans", "Yu Gothic", "Microsoft YaHei", "Malgun Gothic"),
    *(f"Noto Sans {script}" for script in ("Arabic", "Devanagari", "Thai")),
)


@dataclass(frozen=True, slots=True)
class Font:
    """A font's family, its file, and which letters it has."""

    family: str
    file: str
    _face: Any

    def has(self, letter: str) -> bool:
        """Whether it draws a letter."""
        return letter.isprintable() and bool(self._face.get_char_index(ord(letter)))


@functools.cache
def installed() -> Sequence[Font]:
    """The shipped one first. It takes a second at first: call it off the event loop."""
    # Loaded when first drawn with: it is large, and most bots start without ever needing it.
    import matplotlib.font_manager

    manager: Any = matplotlib.font_manager
    known = set(manager.get_font_names())
    families = [_SHIPPED, *(family for family in _OTHER_SCRIPTS if family in known)]
    files = [manager.findfont(family) for family in families]
    return tuple(Font(family, file, manager.get_font(file)) for family, file in zip(families, files, strict=True))


def best(words: str) -> Font:
    """The one that has most of these letters."""
    return max(installed(), key=lambda font: sum(map(font.has, words)))


def drawable(words: str, *fonts: Font) -> str:
    """Return the text with a dot for every letter that no font has."""
    return "".join(letter if any(font.has(letter) for font in fonts) else "·" for letter in words)
