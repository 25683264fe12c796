"""`/shorten`: words that move the meaning stay, others are struck; nothing is drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bot.domain.prompting.word_weights import word_weights
from engine.embedding.text_encoder import TextEncoder
from engine.pocket import WEIGHTS
from tests.bot.court import Court

HEAVY = ("fox", "snow")


async def embed(texts: Sequence[str]) -> np.ndarray:
    """Vectors that only two words turn."""
    vectors = np.array([[1.0, *(float(word in text) for word in HEAVY)] for text in texts], dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def test_the_words_that_matter_are_said(court: Court) -> None:
    court.switch.embed = embed
    told = await court.say(court.ada, "shorten", prompt="a really nice fox in the snow --ar 3:2")
    assert "**fox**" in told and "**snow**" in told and "~~really~~" in told
    assert told.endswith("Shorter: fox snow --ar 3:2")
    assert not await court.jobs.active()


@pytest.mark.parametrize("prompt", ["fox", "word " * 61, "a fox --arr 3:2"])
async def test_what_cannot_be_weighed_is_said(court: Court, prompt: str) -> None:
    court.switch.embed = embed
    assert "Shorter" not in await court.say(court.ada, "shorten", prompt=prompt)


async def test_the_embedded_encoder_weighs_nouns_above_fillers() -> None:
    encoder = TextEncoder.load(WEIGHTS)

    async def real(texts: Sequence[str]) -> np.ndarray:
        return encoder.embed(texts)

    weights = {weight.word: weight.share for weight in await word_weights("a fox in the snow", real)}
    assert min(weights["fox"], weights["snow"]) > max(weights["a"], weights["in"], weights["the"])
