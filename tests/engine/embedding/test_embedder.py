"""Texts become directions of meaning, whatever the workers do."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from engine import EngineError, EngineNotReady
from engine.embedding.embedder import Embedder
from engine.embedding.text_encoder import TextEncoder
from engine.pocket import WEIGHTS
from tests.engine import scripted

TEXTS = [
    "a",
    "naked mole rat",
    "naïve café 猫 ❤️, ÜBER-straße: it's::2 --ar 3:2",
    "a very long sentence about a cat that sits on a mat beside another cat " * 30,
]


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.load(WEIGHTS)


def test_it_is_the_encoder_that_steers_the_denoiser(encoder: TextEncoder):
    from engine.pocket.text import embed

    np.testing.assert_allclose(encoder.embed(TEXTS), embed(TEXTS).numpy(), atol=1e-5)


def test_unit_vectors_whatever_stands_beside_them(encoder: TextEncoder):
    together = encoder.embed(TEXTS)

    assert together.shape == (4, 384) and together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(together[1], encoder.embed(TEXTS[1:2])[0], atol=1e-5)
    assert encoder.embed([]).shape == (0, 384)


async def test_the_engine_embeds_without_workers_while_it_runs():
    with scripted.importable_by_workers():
        engine = scripted.engine(entry="scripted_worker:crash")
        with pytest.raises(EngineNotReady):
            await engine.embed(["cat"])
        async with engine:
            cat, puppy, dog = await engine.embed(["a cat", "a puppy", "a dog"])
            assert puppy @ dog > puppy @ cat
        with pytest.raises(EngineNotReady):
            await engine.embed(["cat"])


@pytest.mark.parametrize("broken", ["model.safetensors", "config.json"])
async def test_weights_that_cannot_be_read_are_named(tmp_path: Path, broken: str):
    for part in ("text_encoder", "tokenizer"):
        shutil.copytree(WEIGHTS / part, tmp_path / part)
    (tmp_path / "text_encoder" / broken).write_bytes(b"not weights")

    embedding = Embedder(tmp_path)
    with pytest.raises(EngineError, match="text_encoder cannot be read"):
        await embedding.ask(["cat"])
    embedding.close()
