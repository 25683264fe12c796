"""Pieces of work that a process may die of, and presses that are tried again when it did."""

from __future__ import annotations

import asyncio

from bot.domain.rounds.round import Ballot, Round
from tests.bot.store.rounds.group import Group, Killed


async def lived(group: Group, work: object) -> None:
    """Do a piece of work; when the process dies of it, the next one begins, well."""
    [error] = await asyncio.gather(work, return_exceptions=True)  # type: ignore[call-overload]
    if group.life.is_over:
        group.restart()
    elif isinstance(error, BaseException) and not isinstance(error, Killed):
        assert isinstance(error, Exception) and type(error).__name__ in ("RoundOver", "Fenced"), error


async def pressed(group: Group, opened: Round, member: int, slot: int) -> None:
    """One press; whether a process that died had taken it is read off the ballot, and it is pressed again if not."""
    before = {ballot.member_id: ballot for ballot in await group.store.ballots(opened.id)}
    wanted = before.get(member, Ballot(member_id=member)).toggled(slot)
    await lived(group, group.service.vote(opened.id, member, slot))
    if wanted not in await group.store.ballots(opened.id):
        await group.service.vote(opened.id, member, slot)
    assert wanted in await group.store.ballots(opened.id), "a ballot was lost, or counted twice"
