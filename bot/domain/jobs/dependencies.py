"""What the job service works with, and how a job's spec becomes a complete request with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from bot.domain.model import WITHDRAWN, JobSpec, Verb
from bot.domain.moderation.vocabulary_hints import Hints
from bot.domain.ports import Clock, EnginePort, Estimates, Jobs, Outbox, Pictures, Replies, Rules
from bot.domain.prompting.engine_requests import Asker, Sources, Wording
from bot.errors import BadPicture
from bot.tasks import Tasks
from engine import Resolved

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything outside of the job service that it works with."""

    engine: EnginePort
    jobs: Jobs
    outbox: Outbox
    pictures: Pictures
    replies: Replies
    rules: Rules
    estimates: Estimates
    wording: Wording
    clock: Clock
    is_ours: Callable[[int | None], bool] = lambda _: True
    """Whether a server, or direct messages (None), are this bot's work; others may belong to other bots."""
    hints: Hints | None = None
    fingerprint: Callable[[bytes], str] | None = None
    """By what a kept picture (PNG) is known again; "" for one that shows too little. It blocks."""
    sleep: Sleep = asyncio.sleep
    tasks: Tasks = field(default_factory=Tasks)

    async def uploads(self, spec: JobSpec) -> Mapping[str, bytes]:
        """The uploaded pictures a spec starts from, by key. Raises `BadPicture`."""
        if WITHDRAWN in spec.uploads:
            raise BadPicture("whoever uploaded the picture this starts from has deleted it")
        try:
            return {key: await self.pictures.get(key) for key in spec.uploads}
        except KeyError as missing:
            raise _no_longer_kept() from missing

    async def resolve(self, spec: JobSpec, asker: Asker, uploads: Mapping[str, bytes], model: str = "") -> Resolved:
        """The engine's request for a spec, complete. Raises `UserError` and `InvalidRequest`."""
        request = self.wording.request(spec, await self._sources(spec, uploads), self.engine.size, asker, model)
        return await self.engine.resolve(request)

    async def _sources(self, spec: JobSpec, uploads: Mapping[str, bytes]) -> Sources:
        try:
            source, said = (None, "") if spec.source is None else await self._cell(spec.source.job_id, spec.source.cell)
        except KeyError as missing:
            raise _no_longer_kept() from missing
        images = tuple(uploads[key] for key in spec.images)
        references = tuple(uploads[key] for key in spec.references)
        mask = None if spec.mask is None else uploads[spec.mask]
        named = () if spec.style_image is None else ((spec.style_image, 1.0),)
        kept = () if spec.options.kept_style is None else spec.options.kept_style.pictures
        styles = tuple((uploads[key], weight) for key, weight in (*named, *kept))
        control = None if spec.control is None else uploads[spec.control]
        return Sources(source, images, mask, styles, said, references, control)

    async def _cell(self, job_id: str, index: int) -> tuple[bytes, str]:
        """A stored picture, and what it shows as far as its words say that."""
        job = await self.jobs.get(job_id)
        if not job.state.is_showable:
            raise BadPicture("the picture this starts from is not shown to anybody")
        keys = {cell.cell: cell.key for cell in await self.jobs.cells(job_id)}
        is_instruction = job.spec.verb is Verb.EDIT and self.engine.references(job.model) > 0
        return await self.pictures.get(keys[index]), "" if is_instruction else job.spec.options.prompt


def _no_longer_kept() -> BadPicture:
    return BadPicture("a picture this starts from is no longer kept")
