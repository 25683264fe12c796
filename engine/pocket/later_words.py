"""Words that a memory understands although it was built without them, by their token ids; see `vocabulary`.

The ids lie in `later_words.json`, so that no tokenizer is needed to look words up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

from engine.pocket.layouts import Meaning, Phrase
from engine.pocket.vocabulary import HOW, LATER_COUNTS, LATER_NOTHING, LATER_USUAL

Ids = tuple[int, ...]


def words() -> list[str]:
    """All whose ids are asked for, in alphabetical order."""
    return sorted({*HOW, *LATER_NOTHING, *LATER_COUNTS, *LATER_USUAL, *LATER_USUAL.values()})


def with_later(known: Mapping[Ids, Phrase]) -> dict[Ids, Phrase]:
    """The phrases of a memory and the later ones; what names a thing that it does not hold is left out."""
    return dict(known) | dict(_later(known))


def _later(known: Mapping[Ids, Phrase]) -> Iterator[tuple[Ids, Phrase]]:
    ids = _ids()
    for word in HOW:
        said = known.get(ids[word])
        if said is not None and said.meaning is Meaning.LABEL:
            yield ids[word], Phrase(Meaning.TAG, said.thing)
    if not known:
        return
    for word in LATER_NOTHING:
        yield ids[word], Phrase(Meaning.NOTHING)
    for word, meaning in LATER_COUNTS.items():
        yield ids[word], Phrase(meaning)
    for word, name in LATER_USUAL.items():
        said = known.get(ids[name])
        if said is not None and said.meaning is Meaning.LABEL:
            yield ids[word], said


@cache
def _ids() -> dict[str, Ids]:
    found = json.loads((resources.files("engine.pocket") / "later_words.json").read_text("utf-8"))
    return {word: tuple(ids) for word, ids in found.items()}
