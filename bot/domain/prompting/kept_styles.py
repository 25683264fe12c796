"""Styles kept by name: what they may be called, how many pictures they have, and what each of these counts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from bot.domain.prompting.flags import number, printed
from bot.errors import BadOption

MAX_PICTURES = 3
MAX_STYLES = 25
"""Of one member, and of one server: as many as a menu of Discord can list."""
MAX_BYTES = 64 * 2**20
"""Of all pictures that one member, or one server, keeps."""
WEIGHTS = (0.1, 10.0)
_NAME = re.compile(r"[\w-]{1,32}")


def style_name(text: str, taken: Collection[str] = ()) -> str:
    """Return the name in NFC and lower case. Raises `BadOption`, also for a name that the host has `taken`."""
    name = same_name(text)
    if not _NAME.fullmatch(name):
        raise BadOption("name", "a style's name has 1 to 32 letters, digits, - or _, for example fog")
    if name in {same_name(one) for one in taken}:
        raise BadOption("name", f"{name} is a style of this host; choose another name")
    return name


def same_name(text: str) -> str:
    """Return the form in which names are compared."""
    return unicodedata.normalize("NFC", text.strip()).casefold()


def weights_of(text: str | None, pictures: int) -> tuple[float, ...]:
    """Parse one weight for each picture ("2, 1"); None stands for equal ones. Raises `BadOption`."""
    if text is None:
        return (1.0,) * pictures
    said = [part for part in re.split(r"[\s,;]+", text.strip()) if part]
    if len(said) != pictures:
        raise BadOption("weights", f"{len(said)} weights for {pictures} pictures; write for example 2, 1, 0.5")
    try:
        return tuple(number(part, *WEIGHTS) for part in said)
    except ValueError as error:
        raise BadOption("weights", f"{error} for each picture; write for example 2, 1, 0.5") from error


def told(weights: Collection[float]) -> str:
    """Return how many pictures there are, and what they count where that differs."""
    if len(weights) == 1:
        return "1 picture"
    counted = "" if len(set(weights)) == 1 else f" ({' : '.join(map(printed, weights))})"
    return f"{len(weights)} pictures{counted}"
