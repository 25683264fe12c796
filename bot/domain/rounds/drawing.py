"""Jobs of `/evolve` rounds: submitted once each, on the host's quota, hidden until their round shows them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bot.domain.model import Ask, CellRef, Job, JobSpec, JobState, Member, ReplyTo, Verb
from bot.domain.ports import Jobs
from bot.domain.prompting.derivation import derive
from bot.domain.rounds import evolution
from bot.domain.rounds.deciding import PASSES
from bot.domain.rounds.entry import Entry, EntryState
from bot.domain.rounds.evolution import Batch, Part
from bot.domain.rounds.round import Round, RoundState
from bot.errors import AlreadyAsked, CellNotFound, JobNotFound, PromptRejected

_LIVE = (JobState.QUEUED, JobState.RUNNING)
_UPSCALE = evolution.UPSCALE_INDEX
_MOST = 2**63 - 1


class Studio:
    """Asks for the pictures of rounds. Asking again is harmless: round and index make each ask unique."""

    PASSES: Final = PASSES

    def __init__(
        self,
        jobs: Jobs,
        submit: Callable[[Ask], Awaitable[Job]],
        cancel: Callable[[str, Member], Awaitable[Job]],
    ) -> None:
        self._jobs, self._submit, self._cancel = jobs, submit, cancel

    async def ask(self, current: Round, choices: Sequence[Entry]) -> list[Entry]:
        """The choices with their pictures named, which are drawn from now on. Raises `UserError` and `EngineError`."""
        open_ones = {entry.place: entry for entry in choices if entry.picture is None and _is_open(entry)}
        drawn = {entry.place: entry for entry in choices}
        parent, cell = await self._kept(current, choices)
        for batch in evolution.batches(current, choices, parent, cell):
            wanted = [open_ones[place] for place in batch.places if place in open_ones]
            if not wanted:
                continue
            job, is_line = await self._batch(current, batch, parent, cell)
            named = {} if is_line else {"text": "", "member_id": None}
            for number, entry in enumerate(wanted):
                picture = CellRef(job_id=job.id, cell=number)
                drawn[entry.place] = entry.model_copy(update={"picture": picture, **named})
        return [drawn[place] for place in sorted(drawn)]

    async def _batch(self, current: Round, batch: Batch, parent: Job | None, cell: int) -> tuple[Job, bool]:
        """Its job, and whether that draws the member's line."""
        try:
            return await self._once(_asked(current, batch.spec, batch.index)), bool(batch.line)
        except PromptRejected:
            if not batch.line or parent is None:
                raise
        # The rules have changed since the line was handed in: the place is drawn from another seed.
        spec = evolution.anew(current, parent, cell, "", batch.number)
        return await self._once(_asked(current, spec, batch.index)), False

    async def _kept(self, current: Round, choices: Sequence[Entry]) -> tuple[Job | None, int]:
        """The last winner, which the round is drawn from; None in the first round."""
        if current.number == 1:
            return None, 0
        held = evolution.parts(current)
        kept = next(entry.picture for entry in choices if held[entry.place] is Part.KEPT)
        if kept is None:
            raise JobNotFound("")
        return await self._jobs.get(kept.job_id), kept.cell

    async def jobs(self, choices: Sequence[Entry]) -> dict[str, Job | None]:
        """The jobs of the pictures by id; None for those that are gone."""
        found: dict[str, Job | None] = {}
        for picture in (entry.picture for entry in choices):
            if picture is not None and picture.job_id not in found:
                try:
                    found[picture.job_id] = await self._jobs.get(picture.job_id)
                except JobNotFound:
                    found[picture.job_id] = None
        return found

    async def seen(self, choices: Sequence[Entry]) -> list[Entry]:
        """The choices whose pictures are there and may be shown."""
        jobs = await self.jobs(choices)
        there: set[tuple[str, int]] = set()
        for job_id, job in jobs.items():
            if job is not None and job.state.is_showable:
                there |= {(job_id, cell.cell) for cell in await self._jobs.cells(job_id)}
        return [
            entry
            for entry in choices
            if entry.state is EntryState.OPEN and entry.picture and (entry.picture.job_id, entry.picture.cell) in there
        ]

    async def noted(self, opened: Round, choices: Sequence[Entry]) -> None:
        """Write down which message shows the pictures: it goes when one of them is deleted."""
        job_ids = {entry.picture.job_id for entry in choices if entry.picture is not None}
        if opened.message_id is not None:
            await self._jobs.extracted(job_ids, opened.channel_id, opened.message_id)

    async def upscale(self, decided: Round, choices: Sequence[Entry]) -> Job:
        """Upscale the winner, in a reply of its own. Raises as `ask`, and `CellNotFound`."""
        won = next((entry.picture for entry in choices if entry.place == decided.winner), None)
        if won is None:
            raise CellNotFound("", decided.winner or 0)
        job = await self._jobs.get(won.job_id)
        spec = derive(job, Verb.UPSCALE_SUBTLE, won.cell, seed=decided.seed)
        return await self._once(_asked(decided, spec, _UPSCALE, hidden=False))

    async def is_over(self, job_id: str) -> bool:
        """Whether a job has ended, or is gone."""
        try:
            return (await self._jobs.get(job_id)).state.is_final
        except JobNotFound:
            return True

    async def cancel(self, decided: Round, choices: Sequence[Entry]) -> None:
        """End the jobs under way; what is not drawn is refunded."""
        for job_id, job in (await self.jobs(choices)).items():
            if job is not None and job.state in _LIVE:
                await self._cancel(job_id, decided.host)

    async def drop_if_over(self, current: Round, drawn: Sequence[Entry]) -> None:
        """End what was asked for while somebody ended the round: its entries name no picture to end."""
        if current.state in (RoundState.DECIDED, RoundState.ENDED):
            await self.cancel(current, drawn)

    async def _once(self, ask: Ask) -> Job:
        try:
            return await self._submit(ask)
        except AlreadyAsked as error:
            return await self._jobs.get(error.job_id)


def _is_open(entry: Entry) -> bool:
    return entry.state is EntryState.OPEN


def _asked(current: Round, spec: JobSpec, index: int, *, hidden: bool = True) -> Ask:
    place = current.place
    reply = ReplyTo(channel_id=place.channel_id, file_limit_bytes=place.file_limit_bytes, hidden=hidden)
    asked_by = int(current.id, 16) & _MOST
    return Ask(spec=spec, member=current.host, place=place, reply=reply, interaction_id=asked_by, index=index)
