"""Keeps the catalogue equal to what is public. What is shown is checked again when it is shown, so this may lag."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bot.domain.moderation.publicity import is_public
from bot.errors import StoreError
from bot.gallery.catalogue import Catalogue, entry_of
from bot.gallery.likeness import Likeness
from bot.gallery.tracer import Tracer
from bot.store.gallery.candidates import Agreements, Candidates, Place
from bot.store.gallery.exhibits import ExhibitReads
from bot.store.gallery.traces import TraceStore

EVERY_S = 2.0
WHOLE_EVERY_S = 600.0
"""Seconds between two looks at everything, which find what was deleted."""
BATCH = 100
"""Jobs that are read at a time; between two batches requests are answered."""
BREATH_S = 0.02
RECENT = timedelta(minutes=15)
"""How far back each look goes: a job is posted some time after it is rendered."""

log = logging.getLogger(__name__)


class Keeper:
    """Looks every two seconds for new jobs, and at everything when somebody agreed or withdrew."""

    def __init__(
        self,
        candidates: Candidates,
        exhibits: ExhibitReads,
        catalogue: Catalogue,
        likeness: Likeness,
        traces: TraceStore,
        tracer: Tracer,
        clock: Callable[[], datetime],
    ) -> None:
        self._candidates, self._exhibits, self._catalogue = candidates, exhibits, catalogue
        self._likeness, self._traces, self._tracer, self._clock = likeness, traces, tracer, clock
        self._agreed: Agreements | None = None
        self._looked_at: datetime | None = None
        self._traced: set[str] = set()
        """Jobs with traces, or whose pictures are lost."""
        self._untraced: set[Place] = set()

    async def run(self) -> None:
        """Look again and again until the task is cancelled; a database that fails is asked again."""
        await self._recall_vectors()
        while True:
            try:
                await self.turn()
            except StoreError as error:
                log.warning("the gallery could not look: %s", error, extra={"action": "gallery"})
            await asyncio.sleep(EVERY_S)

    async def turn(self) -> None:
        """Look once."""
        agreed, now = await self._candidates.agreements(), self._clock()
        is_due = self._looked_at is None or now - self._looked_at >= timedelta(seconds=WHOLE_EVERY_S)
        if agreed != self._agreed or is_due:
            await self._look_at_all(agreed)
            self._agreed, self._looked_at = agreed, now
        else:
            await self._look_at_new(agreed, now)
        await self._trace_some()

    async def check(self, job_ids: Sequence[str]) -> None:
        """Put the public ones of these jobs into the catalogue, and take the others out."""
        lines, now = await self._exhibits.lines(job_ids), self._clock()
        public = {job_id: line for job_id, line in lines.items() if is_public(line, now)}
        for line in public.values():
            entry = entry_of(line)
            self._catalogue.put(entry)
            if entry.place.job_id not in self._traced:
                self._untraced.add(entry.place)
        self._catalogue.drop(set(job_ids) - public.keys())

    async def _look_at_new(self, agreed: Agreements, now: datetime) -> None:
        members, chosen = set(agreed.members), set(agreed.shown)
        recent = await self._candidates.rendered(now - RECENT)
        await self._check_all(
            [
                job_id
                for job_id, member_id in recent
                if (member_id in members or job_id in chosen) and job_id not in self._catalogue
            ]
        )

    async def _look_at_all(self, agreed: Agreements) -> None:
        seen, waiting = set(agreed.shown), list(agreed.shown)
        for member_id in agreed.members:
            last: Place | None = None
            while page := await self._candidates.of_member(member_id, last, BATCH):
                waiting += [place.job_id for place in page]
                last = page[-1] if len(page) == BATCH else None
                if len(waiting) >= BATCH:
                    await self._check_all(waiting)
                    seen.update(waiting)
                    waiting.clear()
                if last is None:
                    break
        seen.update(waiting)
        await self._check_all([*waiting, *sorted(self._catalogue.ids - seen)])
        await self._forget_traces()

    async def _check_all(self, job_ids: Sequence[str]) -> None:
        for start in range(0, len(job_ids), BATCH):
            await self.check(job_ids[start : start + BATCH])
            await asyncio.sleep(BREATH_S)

    async def _forget_traces(self) -> None:
        """Delete the copies of pictures that are no longer public; their owners' pages make them again."""
        traced = {job_id for job_id, _ in await self._traces.keys()}
        gone = sorted(traced - self._catalogue.ids)
        self._likeness.drop(set(gone))
        self._traced = traced.difference(gone)
        self._untraced = {place for place in self._untraced if place.job_id not in self._traced}
        for start in range(0, len(gone), BATCH):
            await self._traces.forget(gone[start : start + BATCH])
            await asyncio.sleep(BREATH_S)

    async def _recall_vectors(self) -> None:
        last = ("", -1)
        while page := await self._traces.vectors(last, 1000):
            for key, vector in page:
                self._likeness.put(key, vector)
            last = page[-1][0]
            await asyncio.sleep(0)

    async def _trace_some(self) -> None:
        """Make the copies of public pictures before somebody asks: the newest first, for some seconds at most."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + EVERY_S
        while self._untraced and loop.time() < deadline_s:
            newest = max(self._untraced)
            self._untraced.discard(newest)
            self._traced.add(newest.job_id)
            if newest.job_id in self._catalogue:
                await self._trace(newest.job_id)

    async def _trace(self, job_id: str) -> None:
        lines = await self._exhibits.lines([job_id])
        for cell in lines[job_id].exhibits[0].cells if job_id in lines else ():
            try:
                trace = await self._tracer.trace(cell)
            except KeyError:
                continue  # its file is lost; `darkroom check --pictures` tells the host
            if trace.vector is not None:
                self._likeness.put((cell.job_id, cell.cell), trace.vector)
