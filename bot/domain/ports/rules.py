"""The rules of servers, applied to jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from bot.domain.model import Ask, Cell, Job, Member, Place, Verdict


class Rules(Protocol):
    """Decides whether a job is accepted, with which weight, and whether its result is shown."""

    async def check(self, ask: Ask, texts: Iterable[str] = ()) -> None:
        """Raise a `UserError` when bans, pause, channel rules or prompt rules forbid it.

        `texts` are the prompts as single pictures read them, where these differ (`--chaos`).
        """
        ...

    async def check_entry(self, member: Member, place: Place) -> None:
        """Raise a `UserError` when bans, pause or channel rules forbid this member anything here."""
        ...

    async def check_words(self, member: Member, place: Place, text: str) -> None:
        """Raise a `UserError` when bans, pause, channel or prompt rules forbid this member to say that here."""
        ...

    async def check_post(self, job: Job, cells: Sequence[Cell], by: Member, place: Place) -> None:
        """Raise a `UserError` when the rules of that place forbid this member to post what was made before."""
        ...

    async def weight(self, ask: Ask) -> float:
        """The member's weight in the queue; 1 unless one of their roles has another."""
        ...

    async def verdict(self, job: Job, cells: Sequence[Cell]) -> Verdict:
        """What to do with finished pictures, by their `unsafe_score`; a `check_error` means review."""
        ...

    async def preview_limit(self, job: Job) -> float | None:
        """The unsafe score, 0 to 1, from which previews are not shown clearly; None where pictures are not checked."""
        ...
