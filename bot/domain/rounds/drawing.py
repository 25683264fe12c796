"""The jobs of an `/evolve`: asked for once, on the host's quota, and hidden until its round shows them."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from bot.domain.model import Ask, CellRef, Job, JobSpec, JobState, Member, ReplyTo, Verb
from bot.domain.ports import Jobs
from bot.domain.prompting.derivation import derive
from bot.domain.rounds import evolution
from bot.domain.rounds.deciding import PASSES
from bot.domain.rounds.entry import Entry, EntryState
from bot.domain.rounds.evolution import Part
from bot.domain.rounds.round import Round
from bot.errors import AlreadyAsked, CellNotFound, JobNotFound

_LIVE = (JobState.QUEUED, JobState.RUNNING)
_INDEX: Mapping[Part, int] = {Part.FIRST: 0, Part.VARIED: 0, Part.NEW: 1}
_UPSCALE = 2
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
        held = evolution.parts(current)
        wanted = [entry for entry in choices if entry.picture is None and entry.state is EntryState.OPEN]
        specs = await self._specs(current, choices)
        made = {part: await self._once(_asked(current, specs[part], _INDEX[part])) for part in specs}
        cells = {part: itertools.count() for part in specs}
        parts = [held[entry.place] for entry in wanted]
        pictures = [CellRef(job_id=made[part].id, cell=next(cells[part])) for part in parts]
        drawn = [entry.model_copy(update={"picture": one}) for entry, one in zip(wanted, pictures, strict=True)]
        places = {entry.place for entry in drawn}
        return sorted([*drawn, *(entry for entry in choices if entry.place not in places)], key=lambda one: one.place)

    async def _specs(self, current: Round, choices: Sequence[Entry]) -> Mapping[Part, JobSpec]:
        if current.number == 1:
            return {Part.FIRST: evolution.agreed(current).spec}
        held = evolution.parts(current)
        kept = next(entry.picture for entry in choices if held[entry.place] is Part.KEPT)
        if kept is None:
            raise JobNotFound("")
        parent = await self._jobs.get(kept.job_id)
        line = next((entry.text for entry in choices if held[entry.place] is Part.NEW), "")
        return evolution.specs(current, parent, kept.cell, line)

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

    async def _once(self, ask: Ask) -> Job:
        try:
            return await self._submit(ask)
        except AlreadyAsked as error:
            return await self._jobs.get(error.job_id)


def _asked(current: Round, spec: JobSpec, index: int, *, hidden: bool = True) -> Ask:
    place = current.place
    reply = ReplyTo(channel_id=place.channel_id, file_limit_bytes=place.file_limit_bytes, hidden=hidden)
    asked_by = int(current.id, 16) & _MOST
    return Ask(spec=spec, member=current.host, place=place, reply=reply, interaction_id=asked_by, index=index)
