"""The meaning rule: is a prompt nearer to sentences of the unsafe kind than to safe ones, in a text encoder's space?"""

from __future__ import annotations

import asyncio
import math
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from bot.domain.model import Value

DEFAULT_MARGIN: Final = 0.1
"""Chosen between the two sides of the lists the sentences were chosen on."""
MIN_LIKENESS: Final = 0.4
"""A text that is like none of the sentences is not judged by them."""
FEW_WORDS: Final = 2
"""One word, or two, say little by themselves ("face", "thing 3"): they must lean further."""
FEW_WORDS_DOUBT: Final = 0.1
MAX_CLAUSES: Final = 48
"""A text of more is measured in groups of them."""
MAX_WORDS: Final = 24

_BREAKS = re.compile(r"[,.;:|\n()\[\]{}!?]+|\s+[-–—]+\s+")

Vectors = npt.NDArray[np.float32]
"""(n, d), a unit vector in each row."""


class Embed(Protocol):
    """The embedded text encoder: a unit vector for each text."""

    async def __call__(self, texts: Sequence[str]) -> Vectors:
        """Raises `engine.EngineError` when it cannot run now."""
        ...


class Sentences(BaseModel):
    """The two sides of the line, the unsafe one by kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    safe: tuple[str, ...]
    unsafe: Mapping[str, tuple[str, ...]]

    @classmethod
    def shipped(cls) -> Sentences:
        """Those in `anchors.toml`."""
        text = resources.files("bot.domain.moderation").joinpath("anchors.toml").read_text(encoding="utf-8")
        return cls.model_validate(tomllib.loads(text))


class SemanticScore(Value):
    """How far a text leans to the unsafe side: more than 0 is nearer to it; `kind` says to which."""

    margin: float
    kind: str


class SemanticFilter:
    """Measures texts against the sentences, whose vectors it asks for once."""

    def __init__(self, embed: Embed, sentences: Sentences | None = None) -> None:
        self._embed = embed
        self._sentences = sentences or Sentences.shipped()
        self._learning = asyncio.Lock()
        self._sides: tuple[Vectors, Mapping[str, Vectors]] | None = None

    async def leaning(self, text: str, allowed: Collection[str] = ()) -> SemanticScore:
        """The worst of the whole text and of each of its clauses: a harmless beginning hides nothing.

        Kinds that are `allowed` are not looked at, and so hide none of the others.
        """
        safe, unsafe = await self.prepare()
        texts = clauses(text)
        vectors = await self._embed(texts)
        doubts = np.array([FEW_WORDS_DOUBT if len(part.split()) <= FEW_WORDS else 0.0 for part in texts])
        kinds = [
            _rule_checker(vectors, doubts, safe, kind, side) for kind, side in unsafe.items() if kind not in allowed
        ]
        return max(kinds, key=lambda one: one.margin)

    async def prepare(self) -> tuple[Vectors, Mapping[str, Vectors]]:
        """The vectors of both sides, asked for once, however many ask at the same moment."""
        async with self._learning:
            if self._sides is None:
                unsafe = {kind: await self._embed(texts) for kind, texts in self._sentences.unsafe.items()}
                self._sides = await self._embed(self._sentences.safe), unsafe
            return self._sides


def _rule_checker(
    vectors: Vectors, doubts: npt.NDArray[np.float64], safe: Vectors, kind: str, unsafe: Vectors
) -> SemanticScore:
    likeness = (vectors @ unsafe.T).max(1) - doubts
    margins = np.where(likeness >= MIN_LIKENESS, likeness - (vectors @ safe.T).max(1), -1.0)
    return SemanticScore(margin=float(margins.max()), kind=kind)


def clauses(text: str) -> list[str]:
    """The text, and its parts of two words and more when there are several; together they hold every word of it."""
    parts = [window for piece in _BREAKS.split(text) for window in _windows(piece.split())]
    if len(parts) > MAX_CLAUSES:
        size = math.ceil(len(parts) / MAX_CLAUSES)
        parts = [" ".join(parts[start : start + size]) for start in range(0, len(parts), size)]
    return [text, *parts] if len(parts) > 1 else [text]


def _windows(words: list[str]) -> list[str]:
    # The encoder reads only the beginning of a long text.
    return [" ".join(words[start : start + MAX_WORDS]) for start in range(0, len(words), MAX_WORDS) if len(words) > 1]
