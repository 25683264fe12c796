"""Vocabulary hints: tells a member once that a model knows few things and that their prompt is about none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from bot.domain.model import Job, Verb
from engine import ModelSpec

_PROMPTED = frozenset({Verb.IMAGINE, Verb.REROLL, Verb.DRAFT})


class ToldHints(Protocol):
    """Remembers which member got the hint about which model."""

    async def tell(self, member_id: int, model: str, job_id: str) -> bool:
        """Record that this job tells the member, unless another job did; return whether it is this job."""
        ...


class Hints:
    """What members are told of a model that found nothing it knows in their words."""

    def __init__(self, models: Callable[[], Iterable[ModelSpec]], told: ToldHints) -> None:
        self._models, self._told = models, told

    async def notes(self, job: Job) -> tuple[str, ...]:
        """Return the hint below a job's pictures of nothing known, or (); a second run of the job gives the same."""
        if job.spec.verb not in _PROMPTED:
            return ()
        hint = next((spec.hint for spec in self._models() if spec.name == job.model), "")
        if not hint or not await self._told.tell(job.member_id, job.model, job.id):
            return ()
        return (hint,)
