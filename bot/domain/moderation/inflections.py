"""Forms of a word that a word rule matches as well: its English plural, and spellings with doubled letters."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from importlib import resources
from itertools import groupby

_HISSING = ("s", "x", "z", "ch", "sh")
_DOUBLED = re.compile(r"([^\W\d_])\1")
_MIN_PLURAL = 3
_SIGNS = 4
"""Number of separators that a word in pieces may contain."""


def plurals(word: str) -> tuple[str, ...]:
    """Return the English plurals of a word; () for other than ASCII letters and for words under 3 letters."""
    if len(word) < _MIN_PLURAL or not (word.isascii() and word.isalpha()):
        return ()
    if word.endswith(_HISSING):
        return (f"{word}es",)
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies", f"{word}s"
    return (f"{word}s",)


class Forms:
    """The words of all rules, indexed to find spellings with doubled letters."""

    def __init__(self) -> None:
        self.longest = 0
        """Largest number of characters of a word in pieces."""
        self._known: dict[str, list[str]] = {}

    def learn(self, word: str) -> None:
        """Add the word of a rule."""
        self.longest = max(self.longest, len(word) + _SIGNS)
        same = self._known.setdefault(_squeezed(word), [])
        if word not in same:
            same.append(word)

    def meant(self, options: Iterable[str]) -> list[str]:
        """Return the rules' words that these equal except for doubled letters; ordinary words ("good") do not count."""
        return [
            known
            for word in options
            if _DOUBLED.search(word) and not is_ordinary(word)
            for known in self._known.get(_squeezed(word), ())
            if known != word and _is_stretched(word, known)
        ]


def is_ordinary(word: str) -> bool:
    """Whether this is an ordinary English word (`ordinary.txt`) or a single letter."""
    plain = word.strip(".,;:!?()\"'")
    return len(plain) < 2 or plain in _ordinary()


@functools.cache
def _ordinary() -> frozenset[str]:
    text = resources.files("bot.domain").joinpath("ordinary.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


def _squeezed(word: str) -> str:
    return "".join(letter for letter, _ in groupby(word))


def _is_stretched(word: str, known: str) -> bool:
    """Whether both have the same runs of letters, and no run of `word` is shorter."""
    runs = zip(groupby(word), groupby(known), strict=True)
    return all(len(list(mine)) >= len(list(theirs)) for (_, mine), (_, theirs) in runs)
