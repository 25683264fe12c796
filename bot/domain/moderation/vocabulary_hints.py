"""What a member is told once: that a model knows only a few things, and that theirs is none of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from bot.domain.model import Job, Verb
from bot.domain.moderation.content_policy import effective_text
from bot.domain.moderation.semantic_filter import Embed, Vectors, clauses
from engine import EngineError, ModelSpec

log = logging.getLogger(__name__)

MIN_LIKENESS: Final = 0.45
"""Of 25 prompts about everyday things 2 lie below, of 26 about others 20 (cosine to the nearest label)."""

_PROMPTED = frozenset({Verb.IMAGINE, Verb.REROLL})


class Told(Protocol):
    """Who was told of which model already."""

    async def tell(self, member_id: int, model: str, job_id: str) -> bool:
        """Whether it is this job that tells the member; the first one to ask is, and stays it."""
        ...


class Hints:
    """Compares prompts with the vocabulary of models that have one, in the text encoder's space."""

    def __init__(self, embed: Embed, models: Callable[[], Iterable[ModelSpec]], told: Told) -> None:
        self._embed, self._models, self._told = embed, models, told
        self._learning = asyncio.Lock()
        self._vocabularies: dict[str, Vectors] = {}

    async def prepare(self) -> None:
        """Learn every vocabulary now, so that the first prompt need not wait for it."""
        for spec in self._models():
            if spec.vocabulary:
                await self._vocabulary(spec)

    async def notes(self, job: Job) -> tuple[str, ...]:
        """What to write below this job's pictures; a job that runs again is told the same."""
        spec = next((spec for spec in self._models() if spec.name == job.model), None)
        text = effective_text(job.spec.options)
        if spec is None or not spec.vocabulary or not text or job.spec.verb not in _PROMPTED:
            return ()
        try:
            likeness = float((await self._embed(clauses(text)) @ (await self._vocabulary(spec)).T).max())
        except EngineError as error:
            log.info("no hint: %s", error, extra={"job": job.id})
            return ()
        if likeness >= MIN_LIKENESS or not await self._told.tell(job.member_id, spec.name, job.id):
            return ()
        return (spec.hint,)

    async def _vocabulary(self, spec: ModelSpec) -> Vectors:
        async with self._learning:
            if spec.name not in self._vocabularies:
                self._vocabularies[spec.name] = await self._embed(spec.vocabulary)
            return self._vocabularies[spec.name]
