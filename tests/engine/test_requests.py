"""What cannot be meant is refused where the request is made, by the name of the field."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engine import Blend, ImageRequest, InvalidRequest, LoRA, PromptPart
from engine.requests import MAX_SEED

TWO = {"images": (b"one", b"other")}


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        (ImageRequest, {"prompt": "\u200b\n"}, "prompt"),
        (ImageRequest, {"prompt": "an \x00apple"}, "prompt"),
        (ImageRequest, {"prompt": "an apple", "negative_prompt": "\x07"}, "negative_prompt"),
        (ImageRequest, {"prompt": "an apple", "weight": 1e-300}, "weight"),
        (PromptPart, {"text": "a cat", "weight": math.nan}, "weight"),
        (PromptPart, {"text": "a cat", "weight": math.inf}, "weight"),
        (PromptPart, {"text": "a \ud800cat"}, "text"),
        (PromptPart, {"text": "x" * 10_000}, "text"),
        (Blend, {**TWO, "weights": (math.nan, 1.0)}, "weights.0"),
        (Blend, {**TWO, "weights": (1.0, -1.0)}, "weights"),
        (Blend, {**TWO, "weights": (0.0, 0.0)}, "weights"),
    ],
)
def test_no_field_takes_what_cannot_be_meant(kind: type[Any], fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        kind(**fields)
    assert refused.value.field == field


def test_weights_that_cancel_out_are_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        ImageRequest(prompt="x", prompt_parts=(PromptPart(text="a cat"), PromptPart(text="a dog", weight=-1.0)))
    assert refused.value.field == "prompt_parts"


def test_words_of_every_kind_are_taken() -> None:
    words = "zwei Äpfel,\n\tein 🐈\u200d⬛ und 苹果\r\n"
    assert ImageRequest(prompt=words, negative_prompt=words, loras=(LoRA(name="x"),)).prompt == words


def test_cells_after_the_largest_seed_start_at_the_smallest() -> None:
    assert ImageRequest(prompt="x", seed=MAX_SEED - 1, num_images=4).cell_seeds == (MAX_SEED - 1, MAX_SEED, 0, 1)
