"""What follows from a decision: the winning cell is varied on the host's quota."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from bot.domain.model import Ask, Job, JobSpec, Member, ReplyTo, Verb
from bot.domain.moderation.consents import Needed, Stance
from bot.domain.ports import Jobs
from bot.domain.prompting.derivation import derive
from bot.domain.rounds.round import Round
from bot.errors import AlreadyAsked, CellNotFound, JobNotFound, NotYours, OwnerAsked


class Consenting(Protocol):
    """Whose yes is missing for a job."""

    async def __call__(self, spec: JobSpec, by: Member, /) -> Sequence[Needed]:
        """The owners, each once, those who refuse first."""
        ...


class AskingOwners(Protocol):
    """How owners are asked."""

    async def __call__(self, ask: Ask, needed: Needed, /, *others: Needed) -> OwnerAsked:
        """Ask in the channel, once; the job is made when all have said yes. Raises `NotYours`."""
        ...


class VaryWinner:
    """`bot.domain.rounds.ports.FollowUp`."""

    def __init__(
        self, jobs: Jobs, submit: Callable[[Ask], Awaitable[Job]], needed: Consenting, ask_owners: AskingOwners
    ) -> None:
        self._jobs, self._submit, self._needed, self._ask_owners = jobs, submit, needed, ask_owners

    async def __call__(self, decided: Round) -> Job:
        """Ask for the variations, once: the ballot paper's message id makes the ask unique.

        Raises what the job service raises, `NotYours` when the maker of the picture no longer shares it, `OwnerAsked`
        when they are asked, and `JobNotFound` or `CellNotFound` when it is not there to be seen any more.
        """
        if decided.winner is None or decided.message_id is None:
            raise JobNotFound(decided.job_id)
        job = await self._jobs.get(decided.job_id)
        if not job.state.is_showable:
            raise JobNotFound(job.id)
        if decided.winner not in {cell.cell for cell in await self._jobs.cells(job.id)}:
            raise CellNotFound(job.id, decided.winner)
        ask = _asked(decided, job, decided.message_id)
        if needed := await self._needed(ask.spec, decided.host):
            if needed[0].stance is Stance.NO:
                raise NotYours(needed[0].owner_id)
            raise await self._ask_owners(ask, *needed)
        try:
            return await self._submit(ask)
        except AlreadyAsked as error:
            return await self._jobs.get(error.job_id)


def _asked(decided: Round, job: Job, asked_by_id: int) -> Ask:
    place = decided.place
    return Ask(
        spec=derive(job, Verb.VARY_STRONG, decided.winner, seed=decided.seed),
        member=decided.host,
        place=place,
        reply=ReplyTo(channel_id=place.channel_id, file_limit_bytes=place.file_limit_bytes),
        interaction_id=asked_by_id,
    )
