"""Quotation marks in a prompt: quoted text is taken literally, flags and weights included.

A mark opens only at the beginning of a word and closes only at the end of one, so `a 12" screen` quotes nothing.
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
    """Return the text with plain quotation marks; its length does not change."""
    return text.translate(_STRAIGHT)


def spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each quoted text, marks included."""
    return [found.span() for found in _SPAN.finditer(text)]


def covers(quoted: list[tuple[int, int]], place: int) -> bool:
    """Whether a position lies in one of the spans."""
    return any(start <= place < end for start, end in quoted)


def masked(text: str) -> str:
    r"""Return the text with `\` before marks that open and never close, so that no later mark closes them."""
    quoted = spans(text)
    return _LONE.sub(lambda found: found[0] if covers(quoted, found.start()) else "\\" + found[0], text)


def unmasked(text: str) -> str:
    r"""Return the text without `\` before marks."""
    return _MASKED.sub(r"\1", text)


def quoted(name: str) -> str:
    """Return a name as one word, quoted if necessary."""
    if _SIMPLE.fullmatch(name):
        return name
    return '"' + re.sub(rf"[\\{MARKS}]", lambda found: "\\" + found[0], name) + '"'


def unquoted(inner: str) -> str:
    """Return the name from the text between quotation marks."""
    return _ESCAPED.sub(r"\1", inner).strip()
