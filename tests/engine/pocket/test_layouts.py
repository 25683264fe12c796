"""Which known things a prompt names, and where they stand."""

import pytest

from engine.pocket.boxes import BESIDE, FOUR, GRID, SINGLE, SMALL, STACKED, THREE
from engine.pocket.layouts import Layout, Meaning, Phrase, PhraseBook

WORDS = {
    "apple": Phrase(Meaning.LABEL, 0),
    "apples": Phrase(Meaning.LABEL, 0),
    "dog": Phrase(Meaning.LABEL, 1),
    "dog face": Phrase(Meaning.LABEL, 2),
    "sushi": Phrase(Meaning.LABEL, 3),
    "car": Phrase(Meaning.LABEL, 4),
    "fruit": Phrase(Meaning.TAG, 0),
    "pet": Phrase(Meaning.TAG, 1),
    "orange": Phrase(Meaning.COLOUR, 5, 1),
    "blue": Phrase(Meaning.COLOUR, colour=4),
    "flat": Phrase(Meaning.NOTHING),
    "on grass": Phrase(Meaning.NOTHING),
    "on a blue background": Phrase(Meaning.NOTHING),
    "next to": Phrase(Meaning.NEXT_TO),
    "and": Phrase(Meaning.NEXT_TO),
    "above": Phrase(Meaning.ABOVE),
    "under": Phrase(Meaning.BELOW),
    "small": Phrase(Meaning.SMALL),
    "two": Phrase(Meaning.TWO),
    "three": Phrase(Meaning.THREE),
    "four": Phrase(Meaning.FOUR),
    "pattern of": Phrase(Meaning.PATTERN),
}
VOCABULARY = {word: number for number, word in enumerate(dict.fromkeys(" ".join(WORDS).split()))}
UNKNOWN = 999


def ids(words: str) -> tuple[int, ...]:
    return tuple(VOCABULARY.get(word, UNKNOWN) for word in words.replace(",", " ,").split())


@pytest.fixture(scope="module")
def book() -> PhraseBook:
    return PhraseBook((ids(words), phrase) for words, phrase in WORDS.items())


@pytest.mark.parametrize(
    ("words", "things", "boxes"),
    [
        ("apple", (0,), SINGLE),
        ("a blue dog face, flat on grass", (2,), SINGLE),  # the longest name counts
        ("flat apple on a blue background", (0,), SINGLE),
        ("small dog", (1,), SMALL),
        ("two apples", (0, 0), BESIDE),
        ("three blue apples, flat", (0,) * 3, THREE),
        ("four apples", (0,) * 4, FOUR),
        ("pattern of apples", (0,) * 9, GRID),
        ("dog next to apple", (1, 0), BESIDE),
        ("dog above apple", (1, 0), STACKED),
        ("dog under apple", (0, 1), STACKED),
        ("two dog and apple", (1, 1, 0), THREE),
        ("apple and four dog", (0, 1, 1, 1), FOUR),  # more have no room
        ("fruit dog next to car", (1, 4), BESIDE),  # beside a name it says how that is
        ("dog fruit under pet car", (4, 1), STACKED),
        ("dog under pet fruit car and fruit", (1, 4, 0), THREE),
        ("dog, apple and sushi", (1, 0, 3), THREE),
        ("dog and apple and sushi and car", (1, 0, 3, 4), FOUR),
        ("dog, apple, sushi, car, dog face", (1, 0, 3, 4), FOUR),  # more have no room
        ("dog dog", (1,), SINGLE),
        ("apple, fruit", (0,), SINGLE),
        ("pet", (1,), SINGLE),
        ("apple and pet", (0, 1), BESIDE),
        ("fruit or pet", (1,), SINGLE),  # the likest: here the last
        ("orange dog", (1,), SINGLE),  # an adjective
        ("orange", (5,), SINGLE),  # the fruit
        ("blue", (), ()),
        ("whatever", (), ()),
        ("", (), ()),
    ],
)
def test_words_become_things_in_places(book, words, things, boxes):
    found = book.layout(ids(words), max)

    assert (found.things, found.boxes) == (things, boxes)
    assert len(found.colours) == len(things)


@pytest.mark.parametrize(
    ("words", "colours"),
    [
        ("blue apple", (4,)),
        ("apple", (-1,)),
        ("two blue apples on a blue background", (4, 4)),
        ("blue dog and orange apple", (4, 1)),
        ("dog and blue apple", (-1, 4)),
        ("blue pet", (4,)),
        ("blue orange", (4,)),
        ("orange", (-1,)),
        ("apple blue", (-1,)),
    ],
)
def test_a_colour_is_that_of_the_thing_behind_it(book, words, colours):
    assert book.layout(ids(words), max).colours == colours


def test_a_book_without_phrases_knows_nothing():
    assert PhraseBook([]).layout((1, 2), max) == Layout()
