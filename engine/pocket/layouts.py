"""From words to a layout: which known things they name, and where those stand. Pure, on token ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from engine.pocket.boxes import BESIDE, EIGHT, FIVE, FOUR, GRID, SEVEN, SINGLE, SIX, SMALL, STACKED, THREE, Box


class Meaning(IntEnum):
    """What a phrase says."""

    LABEL = 0
    """The name of a thing that was drawn."""
    TAG = 1
    """A word that people search a thing by; it counts where no name is said, or beside one ("cat with a hat")."""
    COLOUR = 2
    """An adjective, and where no thing is named the thing of that name ("orange")."""
    NOTHING = 3
    """Style, background and small words, whatever they would name otherwise."""
    NEXT_TO = 4
    ABOVE = 5
    BELOW = 6
    SMALL = 7
    TWO = 8
    THREE = 9
    FOUR = 10
    PATTERN = 11
    FIVE = 12
    SIX = 13
    SEVEN = 14
    EIGHT = 15


_COUNTED: Mapping[Meaning, tuple[Box, ...]] = {
    Meaning.SMALL: SMALL,
    Meaning.TWO: BESIDE,
    Meaning.THREE: THREE,
    Meaning.FOUR: FOUR,
    Meaning.FIVE: FIVE,
    Meaning.SIX: SIX,
    Meaning.SEVEN: SEVEN,
    Meaning.EIGHT: EIGHT,
    Meaning.PATTERN: GRID,
}
_COUNTS: Mapping[Meaning, int] = {Meaning.TWO: 2, Meaning.THREE: 3, Meaning.FOUR: 4}
_SEVERAL: tuple[tuple[Box, ...], ...] = (SINGLE, BESIDE, THREE, FOUR)
_RELATIONS = frozenset({Meaning.NEXT_TO, Meaning.ABOVE, Meaning.BELOW})


@dataclass(frozen=True)
class Phrase:
    """What a sequence of tokens says; `thing` numbers what it names, `colour` its colour, -1 for none."""

    meaning: Meaning
    thing: int = -1
    colour: int = -1


@dataclass(frozen=True)
class Layout:
    """Things, the boxes they stand in, and their colours where one is said; empty where nothing known is named."""

    things: tuple[int, ...] = ()
    boxes: tuple[Box, ...] = ()
    colours: tuple[int, ...] = ()

    @staticmethod
    def of(thing: int) -> Layout:
        """One thing as large as the picture."""
        return Layout((thing,), SINGLE, (-1,))


class PhraseBook:
    """Finds known phrases in token ids, the longest first."""

    def __init__(self, phrases: Iterable[tuple[tuple[int, ...], Phrase]]) -> None:
        """Where a sequence is given twice, the later meaning counts."""
        self._phrases = dict(phrases)
        self._longest = max(map(len, self._phrases), default=0)

    def layout(self, ids: Sequence[int], likest: Callable[[Sequence[int]], int]) -> Layout:
        """What the words of one prompt show, without marks at its ends and padding.

        Where no name is said, `likest` picks one of the things that other words may mean.
        """
        said = self._said(ids)
        named = _named(said) or _meant(said, likest)
        if not named:
            return Layout()
        relation = next((each.meaning for each in said if each.meaning in _RELATIONS), Meaning.NEXT_TO)
        if len(named) == 1:
            counted = [_COUNTED[each.meaning] for each in said if each.meaning in _COUNTED]
            boxes = counted[0] if counted else SINGLE
            named *= len(boxes)
        elif len(named) == 2 and relation is not Meaning.NEXT_TO:
            boxes = STACKED
            named = named if relation is Meaning.ABOVE else named[::-1]
        else:
            named = named[: len(_SEVERAL)]
            boxes = _SEVERAL[len(named) - 1]
        return Layout(tuple(each.thing for each in named), boxes, tuple(each.colour for each in named))

    def _said(self, ids: Sequence[int]) -> list[Phrase]:
        found: list[Phrase] = []
        start = 0
        while start < len(ids):
            lengths = range(min(self._longest, len(ids) - start), 0, -1)
            known = [length for length in lengths if tuple(ids[start : start + length]) in self._phrases]
            if known:
                found.append(self._phrases[tuple(ids[start : start + known[0]])])
            start += known[0] if known else 1
        return found


def _named(said: Sequence[Phrase]) -> tuple[Phrase, ...]:
    """The things that are named, as often as is said.

    What stands in a relation to a name is shown, too, though it is only meant ("a cat in the rain"). Beside a name,
    without a relation between them, other words say how it is or what it does ("a sad robot", "dogs playing").
    """
    found: dict[int, tuple[Phrase, int]] = {}
    for part in _parts(said) if any(each.meaning is Meaning.LABEL for each in said) else ():
        names, words = ([each for each in part if each.meaning is kind] for kind in (Meaning.LABEL, Meaning.TAG))
        telling = names or words[:1]
        colour, count = -1, 1
        for each in part:
            if each.meaning is Meaning.COLOUR:
                colour = each.colour
            elif each.meaning in _COUNTS:
                count = _COUNTS[each.meaning]
            elif each in telling:
                found.setdefault(each.thing, (replace(each, colour=colour), count))
                colour, count = -1, 1
    if len(found) == 1:  # the layout counts it
        return tuple(each for each, _ in found.values())
    return tuple(each for each, count in found.values() for _ in range(count))


def _parts(said: Sequence[Phrase]) -> list[list[Phrase]]:
    """What is said, cut where a relation stands."""
    parts: list[list[Phrase]] = [[]]
    for each in said:
        if each.meaning in _RELATIONS:
            parts.append([])
        else:
            parts[-1].append(each)
    return parts


def _meant(said: Sequence[Phrase], likest: Callable[[Sequence[int]], int]) -> tuple[Phrase, ...]:
    """The likeliest of the things that are searched by the words, else what a colour is the name of ("orange")."""
    colours = [each for each in said if each.meaning is Meaning.COLOUR]
    if meant := [each.thing for each in said if each.meaning is Meaning.TAG]:
        return (Phrase(Meaning.TAG, likest(meant), colours[0].colour if colours else -1),)
    fruits = [each for each in colours if each.thing >= 0]
    others = [each.colour for each in colours if each not in fruits[-1:]]
    return (replace(fruits[-1], colour=(others or [-1])[0]),) if fruits else ()
