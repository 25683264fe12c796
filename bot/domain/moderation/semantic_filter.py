"""Semantic filter: compares a prompt with unsafe and safe example sentences by cosine similarity of embeddings."""

from __future__ import annotations

import asyncio
import itertools
import math
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from bot.domain.model import Value

DEFAULT_MARGIN: Final = 0.1
"""Default margin (cosine). It separates the two lists of prompts on which the sentences were chosen."""
MIN_LIKENESS: Final = 0.4
"""A text whose largest similarity to unsafe sentences is lower than this is not refused."""
FEW_WORDS: Final = 2
"""Texts of so many words are ambiguous ("face", "thing 3"): `FEW_WORDS_DOUBT` is subtracted from their similarity."""
FEW_WORDS_DOUBT: Final = 0.1
MAX_CLAUSES: Final = 48
"""Largest number of clauses; the clauses of a longer text are grouped."""
MAX_WORDS: Final = 24
"""Words of one clause; the text encoder reads only the beginning of a longer one."""

_BREAKS = re.compile(r"[,.;:|\n()\[\]{}!?]+|\s+[-–—]+\s+")

Vectors = npt.NDArray[np.float32]
"""Shape (n, d), float32; each row is a unit vector."""


class Embed(Protocol):
    """The embedded text encoder: returns one unit vector for each text."""

    async def __call__(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors. Raise `engine.EngineError` when the encoder cannot run."""
        ...


class Sentences(BaseModel):
    """Safe example sentences, and unsafe ones by kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    safe: tuple[str, ...]
    unsafe: Mapping[str, tuple[str, ...]]

    @property
    def texts(self) -> tuple[str, ...]:
        """All sentences, the safe ones first."""
        return (*self.safe, *itertools.chain.from_iterable(self.unsafe.values()))

    @classmethod
    def shipped(cls) -> Sentences:
        """Return the sentences of `anchors.toml`."""
        text = resources.files("bot.domain.moderation").joinpath("anchors.toml").read_text(encoding="utf-8")
        return cls.model_validate(tomllib.loads(text))


class Sides(NamedTuple):
    """Vectors of the safe sentences, and of the unsafe ones by kind."""

    safe: Vectors
    unsafe: Mapping[str, Vectors]

    @classmethod
    def of(cls, sentences: Sentences, vectors: Vectors) -> Sides:
        """Divide the vectors of all sentences, in the order of `Sentences.texts`."""
        sizes = [len(sentences.safe), *(len(texts) for texts in sentences.unsafe.values())]
        safe, *unsafe = np.split(vectors, np.cumsum(sizes)[:-1])
        return cls(safe, dict(zip(sentences.unsafe, unsafe, strict=True)))

    @classmethod
    def shipped(cls) -> Sides:
        """Return the vectors of `anchors.toml`, which `python -m tests.anchor_vectors` has computed and saved."""
        with resources.files("bot.domain.moderation").joinpath("anchors.npy").open("rb") as file:
            vectors: Vectors = np.load(file, allow_pickle=False)
        return cls.of(Sentences.shipped(), vectors)


class SemanticScore(Value):
    """`margin`: similarity to unsafe sentences of `kind` minus similarity to safe ones, -2 to 2."""

    margin: float
    kind: str


class SemanticFilter:
    """Scores texts against the example sentences, which are embedded once, or whose vectors are given as `sides`."""

    def __init__(self, embed: Embed, sentences: Sentences | None = None, sides: Sides | None = None) -> None:
        self._embed = embed
        self._sentences = sentences or Sentences.shipped()
        self._learning = asyncio.Lock()
        self._sides = sides

    async def leaning(self, text: str, allowed: Collection[str] = ()) -> SemanticScore:
        """Return the largest score of the text and of each of its clauses, over all kinds that are not `allowed`.

        Raises `engine.EngineError` when the text encoder cannot run.
        """
        safe, unsafe = await self._learnt()
        texts = clauses(text)
        vectors = await self._embed(texts)
        doubts = np.array([FEW_WORDS_DOUBT if len(part.split()) <= FEW_WORDS else 0.0 for part in texts])
        kinds = [_score(vectors, doubts, safe, kind, side) for kind, side in unsafe.items() if kind not in allowed]
        return max(kinds, key=lambda one: one.margin)

    async def prepare(self) -> None:
        """Have the text encoder read, and the sentences embedded, before the first prompt. Raises `EngineError`."""
        await self._embed(())
        await self._learnt()

    async def _learnt(self) -> Sides:
        async with self._learning:
            if self._sides is None:
                self._sides = Sides.of(self._sentences, await self._embed(self._sentences.texts))
            return self._sides


def _score(
    vectors: Vectors, doubts: npt.NDArray[np.float64], safe: Vectors, kind: str, unsafe: Vectors
) -> SemanticScore:
    likeness = (vectors @ unsafe.T).max(1) - doubts
    margins = np.where(likeness >= MIN_LIKENESS, likeness - (vectors @ safe.T).max(1), -1.0)
    return SemanticScore(margin=float(margins.max()), kind=kind)


def clauses(text: str) -> list[str]:
    """Return the text and, if it has several, its clauses of two or more words."""
    parts = [window for piece in _BREAKS.split(text) for window in _windows(piece.split())]
    if len(parts) > MAX_CLAUSES:
        size = math.ceil(len(parts) / MAX_CLAUSES)
        parts = [" ".join(parts[start : start + size]) for start in range(0, len(parts), size)]
    return [text, *parts] if len(parts) > 1 else [text]


def _windows(words: list[str]) -> list[str]:
    # The encoder reads only the beginning of a long text.
    return [" ".join(words[start : start + MAX_WORDS]) for start in range(0, len(words), MAX_WORDS) if len(words) > 1]
