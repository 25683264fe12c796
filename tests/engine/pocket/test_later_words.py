"""Words that the shipped memory was built without."""

import json
from importlib import resources

import pytest
from transformers import BertTokenizer

from engine.pocket import WEIGHTS
from engine.pocket.later_words import words
from engine.pocket.memory import Memory

TOKENIZER = BertTokenizer.from_pretrained(WEIGHTS / "tokenizer")


@pytest.fixture(scope="module")
def memory():
    return Memory.load(WEIGHTS / "text_encoder")


def test_the_ids_are_those_of_the_tokenizer():
    written = json.loads((resources.files("engine.pocket") / "later_words.json").read_text("utf-8"))

    assert written == {word: TOKENIZER(word, add_special_tokens=False).input_ids for word in words()}


@pytest.mark.parametrize(
    ("said", "as_much_as"),
    [
        ("a sleepy fox", "a fox"),
        ("a cat sleeping on a chair", "a cat on a chair"),
        ("an angry banana", "a banana"),
        ("sleepy", "sleepy face"),
        ("man with a beard", "man beard"),
        ("woman with red hair", "woman red hair"),
        ("a girl with long hair", "a girl"),
        ("green frog on a lily pad", "green frog"),
        ("blue car, red house", "blue automobile and red house"),
        ("cozy cabin in the woods", "house"),
    ],
)
def test_people_say_it_in_their_own_words(memory, layout_of, said, as_much_as):
    assert layout_of(memory, said).things == layout_of(memory, as_much_as).things
    assert layout_of(memory, said).colours == layout_of(memory, as_much_as).colours


@pytest.mark.parametrize(("said", "count"), [("five", 5), ("six", 6), ("seven", 7), ("eight", 8), ("ten", 9), ("2", 2)])
def test_more_than_four_are_counted(memory, layout_of, said, count):
    found = layout_of(memory, f"{said} yellow ducks")

    assert len(found.things) == len(set(found.boxes)) == count
    assert len(set(found.things)) == 1


@pytest.fixture(scope="module")
def layout_of():
    import torch

    def of(memory, said):
        return memory.layout(TOKENIZER(said, add_special_tokens=False).input_ids, torch.ones(384))

    return of
