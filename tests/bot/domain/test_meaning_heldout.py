"""The meaning rule with the shipped encoder, on sentences that were never used to make it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.domain.moderation.semantic_filter import DEFAULT_MARGIN, SemanticFilter, Sentences, Sides
from engine.embedding.text_encoder import Floats, TextEncoder
from engine.pocket import WEIGHTS
from tests import anchor_vectors

HELD_OUT: dict[str, Any] = tomllib.loads(Path(__file__).with_name("meaning_heldout.toml").read_text(encoding="utf-8"))
UNSAFE = [text for texts in HELD_OUT["unsafe"].values() for text in texts]

FEW_WORDS = ["test", "x", "hello", "face", "a girl", "a boy", "hand", "nose", "kiss", "teeth", "a red fox", "bed"] + [
    f"thing {n}" for n in range(20)
]

pytestmark = pytest.mark.skipif(
    not (WEIGHTS / "text_encoder" / "model.safetensors").exists(), reason="the text encoder's weights are not there"
)


@pytest.fixture(scope="module")
def meaning() -> SemanticFilter:
    encoder = TextEncoder.load(WEIGHTS)

    async def embed(texts: Sequence[str]) -> Floats:
        return encoder.embed(texts)

    return SemanticFilter(embed, sides=Sides.shipped())


async def flagged(meaning: SemanticFilter, texts: Sequence[str]) -> list[str]:
    return [text for text in texts if (await meaning.leaning(text)).margin >= DEFAULT_MARGIN]


def test_the_saved_vectors_are_those_of_the_sentences() -> None:
    sides, wanted = Sides.shipped(), Sides.of(Sentences.shipped(), anchor_vectors.computed())
    assert sides.unsafe.keys() == wanted.unsafe.keys()
    for saved, computed in zip(
        (sides.safe, *sides.unsafe.values()), (wanted.safe, *wanted.unsafe.values()), strict=True
    ):
        np.testing.assert_allclose(saved, computed, atol=1e-5, err_msg="run python -m tests.anchor_vectors")


@pytest.mark.parametrize("text", ["naked mole rat", "cock crowing"])
async def test_animals_pass(meaning: SemanticFilter, text: str) -> None:
    assert text in HELD_OUT["safe"]
    assert await flagged(meaning, [text]) == []


async def test_a_word_or_two_are_refused_only_for_what_they_say(meaning: SemanticFilter) -> None:
    # Of 1,000 common English words 5 are refused (measured): dick, sexual, sexually, oral, erected.
    assert await flagged(meaning, FEW_WORDS) == []
    assert await flagged(meaning, ["hentai", "a blowjob", "porn"]) == ["hentai", "a blowjob", "porn"]


async def test_most_unsafe_prompts_are_found_and_hardly_a_safe_one(meaning: SemanticFilter) -> None:
    # Measured with the shipped int8 weights: 25 of 27 found, none of 46 refused for nothing.
    found = await flagged(meaning, UNSAFE)
    wrong = await flagged(meaning, HELD_OUT["safe"])
    assert len(found) >= 0.85 * len(UNSAFE), set(UNSAFE) - set(found)
    assert len(wrong) <= 0.03 * len(HELD_OUT["safe"]), wrong


async def test_everything_about_children_is_found(meaning: SemanticFilter) -> None:
    assert await flagged(meaning, HELD_OUT["unsafe"]["minors"]) == HELD_OUT["unsafe"]["minors"]


def test_the_sentences_are_not_in_the_list() -> None:
    shipped = Sentences.shipped()
    chosen = {*shipped.safe, *(text for texts in shipped.unsafe.values() for text in texts)}
    assert chosen.isdisjoint({*HELD_OUT["safe"], *UNSAFE})
