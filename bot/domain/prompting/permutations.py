r"""Permutations: `a {red, blue} {car, bus}` is four prompts. Options may nest; `\,` `\{` `\}` are plain characters.

A JSON object in a prompt (`{"scene": "a fox", "light": "low"}`) is plain text.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.domain.prompting.quotes import straight
from bot.errors import BadOption

MAX_PERMUTATIONS = 40
MAX_DEPTH = 8

_TOKEN = re.compile(r"\\[,{}]|[{},]|[^\\{},]+|\\", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Choice:
    """One `{…}`: each option is a sequence of texts and nested choices."""

    options: tuple[tuple[str | Choice, ...], ...]

    def __len__(self) -> int:
        return sum(count(option) for option in self.options)

    def __iter__(self) -> Iterator[str]:
        return (text for option in self.options for text in texts(option))


def expand(text: str, limit: int = MAX_PERMUTATIONS) -> list[str]:
    """Return every combination, first option first; a text without braces is returned as it is.

    Raises `BadOption` for a brace without its partner and for more than `limit` prompts, before any is built.
    """
    if not re.search(r"[{}]", text):
        return [text]
    sequence = _sequence(_tokens(text), depth=0)[0]
    number = count(sequence)
    if number > limit:
        raise BadOption("{…}", f"this makes {number} prompts, at most {limit} are allowed; use fewer options")
    return list(texts(sequence))


def _tokens(text: str) -> Iterator[str]:
    """Yield braces, commas and the texts between them; a JSON object is one text."""
    place, plain = 0, straight(text)
    while found := _TOKEN.match(text, place):
        end = _object_end(plain, place) if found[0] == "{" else None
        yield text[place:end] if end else found[0]
        place = end or found.end()


def _object_end(text: str, start: int) -> int | None:
    """Return the end of the JSON object that begins at `start`; None for no object or an empty one."""
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return end if value else None


def count(sequence: tuple[str | Choice, ...]) -> int:
    """Return the number of combinations of the sequence."""
    return math.prod(len(part) for part in sequence if isinstance(part, Choice))


def texts(sequence: tuple[str | Choice, ...]) -> Iterator[str]:
    """Yield the combinations of the sequence."""
    parts = [part if isinstance(part, Choice) else (part,) for part in sequence]
    return ("".join(chosen) for chosen in itertools.product(*parts))


def _sequence(tokens: Iterator[str], depth: int) -> tuple[tuple[str | Choice, ...], str]:
    """Parse until the end, or inside braces until `,` or `}`; return the sequence and the token that ended it."""
    sequence: list[str | Choice] = []
    for piece in tokens:
        if piece == "{":
            sequence.append(_choice(tokens, depth + 1))
        elif piece == "}" and not depth:
            raise BadOption("}", r"there is no { before it; write `\}` for a plain brace")
        elif piece == "}" or (piece == "," and depth):
            return _stripped(sequence), piece
        else:
            sequence.append(piece[1:] if len(piece) == 2 and piece[0] == "\\" else piece)
    if depth:
        raise BadOption("{", r"close it, as in {red, blue}; write `\{` for a plain brace")
    return tuple(sequence), ""


def _choice(tokens: Iterator[str], depth: int) -> Choice:
    if depth > MAX_DEPTH:
        raise BadOption("{", f"braces may nest {MAX_DEPTH} deep")
    options: list[tuple[str | Choice, ...]] = []
    end = ","
    while end == ",":
        option, end = _sequence(tokens, depth)
        options.append(option)
    return Choice(tuple(options))


def _stripped(sequence: list[str | Choice]) -> tuple[str | Choice, ...]:
    """Return the sequence without blanks at its ends."""
    if sequence and isinstance(sequence[0], str):
        sequence[0] = sequence[0].lstrip()
    if sequence and isinstance(sequence[-1], str):
        sequence[-1] = sequence[-1].rstrip()
    return tuple(sequence)
