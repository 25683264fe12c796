"""Texts become directions of meaning, whatever the workers do."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine import EngineError, EngineNotReady
from engine.embedding.embedder import MAX_TEXTS, Embedder
from engine.embedding.text_encoder import Floats, TextEncoder
from engine.pocket import WEIGHTS
from tests.engine import fake_worker_engine
from tests.patience import PATIENCE_S

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
    with fake_worker_engine.importable_by_workers():
        engine = fake_worker_engine.engine(entry="fake_worker:crash")
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


class HeldUp:
    """The encoder, which begins its first pass and goes on when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passes: list[int] = []
        self._entered, self._go_on, self._embed = threading.Event(), threading.Event(), TextEncoder.embed
        monkeypatch.setattr(TextEncoder, "embed", lambda encoder, texts: self._hold_up(encoder, texts))

    def _hold_up(self, encoder: TextEncoder, texts: Sequence[str]) -> Floats:
        self.passes.append(len(texts))
        self._entered.set()
        assert self._go_on.wait(PATIENCE_S)
        return self._embed(encoder, texts)

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self._entered.wait, PATIENCE_S)

    def go_on(self) -> None:
        self._go_on.set()


async def test_what_is_asked_at_the_same_time_is_read_together(encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch):
    alone = [encoder.embed([f"a cat {n}"])[0] for n in range(10)]
    held_up, embedder = HeldUp(monkeypatch), Embedder(WEIGHTS)
    first = asyncio.create_task(embedder.ask(["a first one"]))
    await held_up.has_begun()
    long = asyncio.create_task(embedder.ask([f"label {n}" for n in range(2 * MAX_TEXTS)]))
    others = [asyncio.create_task(embedder.ask([f"a cat {n}", "a dog"])) for n in range(10)]
    await asyncio.sleep(0)  # all have asked
    held_up.go_on()
    await first
    for one, (cat, dog) in zip(alone, await asyncio.gather(*others), strict=True):
        np.testing.assert_allclose(cat, one, atol=1e-5)
        assert cat @ dog < 0.99
    assert (await long).shape == (2 * MAX_TEXTS, 384)
    assert held_up.passes[:2] == [1, MAX_TEXTS]
    assert held_up.passes[2] >= 20, "a long list lets all others in between"
    assert sum(held_up.passes) == 1 + 2 * MAX_TEXTS + 20
    embedder.close()


async def test_who_still_waits_at_the_end_is_cancelled(monkeypatch: pytest.MonkeyPatch):
    held_up, embedder = HeldUp(monkeypatch), Embedder(WEIGHTS)
    first = asyncio.create_task(embedder.ask(["cat"]))
    await held_up.has_begun()
    late = asyncio.create_task(embedder.ask(["dog"]))
    await asyncio.sleep(0)
    embedder.close()
    held_up.go_on()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert (await first).shape == (1, 384)
