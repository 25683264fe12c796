"""Vocabulary hints: tells a member once that a model knows few things and that their prompt is about none of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import Final, Protocol

import numpy as np

from bot.domain.model import Job, Verb
from bot.domain.moderation.content_policy import effective_text
from bot.domain.moderation.semantic_filter import Embed, Vectors, clauses
from engine import EngineError, ModelSpec

log = logging.getLogger(__name__)

MIN_LIKENESS: Final = 0.45
"""Cosine to the nearest label. Measured: 2 of 25 prompts inside the vocabulary lie below, and 20 of 26 outside."""

_PROMPTED = frozenset({Verb.IMAGINE, Verb.REROLL, Verb.DRAFT})


class ToldHints(Protocol):
    """Remembers which member got the hint about which model."""

    async def tell(self, member_id: int, model: str, job_id: str) -> bool:
        """Record that this job tells the member, unless another job did; return whether it is this job."""
        ...


class Hints:
    """Compares prompts with the vocabularies of models by cosine similarity of embeddings."""

    def __init__(
        self,
        embed: Embed,
        models: Callable[[], Iterable[ModelSpec]],
        told: ToldHints,
        known: Mapping[tuple[str, ...], Vectors] | None = None,
    ) -> None:
        """`known` are vocabularies whose vectors need not be computed."""
        self._embed, self._models, self._told = embed, models, told
        self._learning = asyncio.Lock()
        self._known = known or {}
        self._vocabularies: dict[str, Vectors] = {}

    async def prepare(self) -> None:
        """Embed every vocabulary now, so that the first prompt does not wait. Raises `engine.EngineError`."""
        for spec in self._models():
            if spec.vocabulary:
                await self._vocabulary(spec)

    async def notes(self, job: Job) -> tuple[str, ...]:
        """Return the hint below this job's pictures, or (); a second run of the job gives the same."""
        spec = next((spec for spec in self._models() if spec.name == job.model), None)
        text = effective_text(job.spec.options)
        if spec is None or not spec.vocabulary or not text or job.spec.verb not in _PROMPTED:
            return ()
        try:
            likeness = float((await self._embed(clauses(text)) @ (await self._vocabulary(spec)).T).max())
        except EngineError as error:
            log.info("hint left out: %s", error, extra={"job": job.id})
            return ()
        if likeness >= MIN_LIKENESS or not await self._told.tell(job.member_id, spec.name, job.id):
            return ()
        return (spec.hint,)

    async def _vocabulary(self, spec: ModelSpec) -> Vectors:
        async with self._learning:
            if spec.name not in self._vocabularies:
                known = self._known.get(spec.vocabulary)
                self._vocabularies[spec.name] = await self._embed(spec.vocabulary) if known is None else known
            return self._vocabularies[spec.name]


def shipped() -> Mapping[tuple[str, ...], Vectors]:
    """Return the vocabulary of the built-in model, which `python -m tests.anchor_vectors` has embedded and saved."""
    with (
        resources.files("bot.domain.moderation").joinpath("vocabulary.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as saved,
    ):
        return {tuple(saved["texts"].tolist()): saved["vectors"].astype(np.float32)}
