"""Quotation marks in a prompt: what stands between them is drawn as it is written, flags and weights included.

A mark opens where a word begins and closes where one ends, so that the inches of `a 12" screen` quote nothing.
"""

from __future__ import annotations

import re

MARKS = '"“”„‟″'
_PAIRS = ("«»", "「」", "『』")
_OPENER = rf"(?<![\w\\{MARKS}])[{MARKS}](?=\S)"
_SPAN = re.compile(
    "|".join(
        (
            rf"{_OPENER}(?:\\.|[^\\{MARKS}])*(?<=\S)[{MARKS}](?!\w)",
            *(rf"(?<!\\){opens}(?:\\.|[^\\{opens}{closes}])*{closes}" for opens, closes in _PAIRS),
        )
    )
)
_OPENERS = "".join(pair[0] for pair in _PAIRS)
_LONE = re.compile(rf"{_OPENER}|(?<!\\)[{_OPENERS}]")
_MASKED = re.compile(rf"\\+([{MARKS}{_OPENERS}])")
_ESCAPED = re.compile(rf"\\([\\{MARKS}])")
_SIMPLE = re.compile(r"[\w.][\w.:/+-]*")
_STRAIGHT = str.maketrans(dict.fromkeys(MARKS, '"'))


def straight(text: str) -> str:
    """The same text, as long, with typographic marks made plain."""
    return text.translate(_STRAIGHT)


def spans(text: str) -> list[tuple[int, int]]:
    """Where quoted text begins and ends, marks included."""
    return [found.span() for found in _SPAN.finditer(text)]


def covers(quoted: list[tuple[int, int]], place: int) -> bool:
    """Whether a place lies in one of the spans."""
    return any(start <= place < end for start, end in quoted)


def masked(text: str) -> str:
    r"""The text with `\` before marks that open and never close: none that follows can close them."""
    quoted = spans(text)
    return _LONE.sub(lambda found: found[0] if covers(quoted, found.start()) else "\\" + found[0], text)


def unmasked(text: str) -> str:
    r"""The text without the `\` before marks."""
    return _MASKED.sub(r"\1", text)


def quoted(name: str) -> str:
    """A name as one word, in quotation marks unless it is plain."""
    if _SIMPLE.fullmatch(name):
        return name
    return '"' + re.sub(rf"[\\{MARKS}]", lambda found: "\\" + found[0], name) + '"'


def unquoted(inner: str) -> str:
    """What stood between the marks of a quoted name."""
    return _ESCAPED.sub(r"\1", inner).strip()
