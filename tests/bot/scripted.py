"""A studio that follows a script: the bot's own domain without an engine, for tests of what Discord shows."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace

from PIL import Image

from bot.domain.jobs.results import JobResults
from bot.domain.model import (
    Ask,
    Cell,
    CellRef,
    Job,
    JobSpec,
    JobState,
    Member,
    Options,
    Place,
    Preferences,
    ReplyTo,
    Verb,
)
from bot.domain.moderation.access import moderates_job
from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.quotas.button_prices import Price
from bot.domain.quotas.quota import Use
from bot.errors import AlreadyAsked, BotError, CellNotFound, DeliveryLater, JobNotFound, OwnersOnly, ReplyGone
from bot.tasks import Tasks
from engine import LoRACard
from engine.errors import AbortReason, EngineError, RequestAborted
from engine.events import Event, Preview, Progress, Queued, Safety, Started

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
COLOURS = ("red", "green", "blue", "yellow")


def png(colour: str = "red", side: int = 64) -> bytes:
    return png_of(side, side, colour)


def png_of(width: int, height: int, colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def webp(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(buffer, "WEBP")
    return buffer.getvalue()


def a_job(**fields: object) -> Job:
    spec = JobSpec(verb=Verb.IMAGINE, options=Options(prompt="a red fox"), seed=7)
    values = {
        "id": "0123456789", "state": JobState.QUEUED, "epoch": 0, "spec": spec, "member_id": 1, "member_name": "ada",
        "guild_id": 2, "channel_id": 3, "reply": ReplyTo(channel_id=3), "interaction_id": 4, "created_at": NOON,
    }  # fmt: skip
    return Job.model_validate({**values, **fields})


SCRIPT: tuple[Event, ...] = (
    Queued(position=2, eta_s=40),
    Started(device="cpu"),
    Progress(step=1, steps=4, preview=Preview(webp("grey"), 32, 32)),
    Progress(step=3, steps=4, preview=Preview(webp("black"), 32, 32)),
)


class MemoryPictures:
    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    async def put(self, key: str, content: bytes) -> None:
        self.held[key] = content

    async def get(self, key: str) -> bytes:
        return self.held[key]

    async def delete(self, key: str) -> None:
        self.held.pop(key, None)


class MemoryMembers:
    def __init__(self) -> None:
        self.set: dict[int, Preferences] = {}
        self.marks: dict[int, list[CellRef]] = {}

    async def preferences(self, member_id: int) -> Preferences:
        return self.set.get(member_id, Preferences())

    async def prefer(self, member_id: int, preferences: Preferences) -> None:
        self.set[member_id] = preferences

    async def change(self, member_id: int, changed: Callable[[Preferences], Preferences]) -> Preferences:
        preferences = self.set[member_id] = changed(await self.preferences(member_id))
        return preferences

    async def favour(self, member_id: int, cell: CellRef) -> None:
        marks = self.marks.setdefault(member_id, [])
        if cell not in marks:
            marks.append(cell)

    async def unfavour(self, member_id: int, cell: CellRef) -> None:
        self.marks[member_id] = [mark for mark in self.marks.get(member_id, []) if mark != cell]

    async def favourites(self, member_id: int, limit: int) -> list[CellRef]:
        return self.marks.get(member_id, [])[-limit:]


class MemoryJobs:
    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.kept: dict[str, list[Cell]] = {}
        self.posts: dict[int, tuple[str, int | None]] = {}
        self.places: dict[str, set[int]] = {}
        self.extracts: dict[int, tuple[str, ...]] = {}

    def change(self, job_id: str, **fields: object) -> Job:
        job = self.jobs[job_id] = self.jobs[job_id].model_copy(update=fields)
        return job

    async def get(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise JobNotFound(job_id)
        return self.jobs[job_id]

    async def cells(self, job_id: str) -> list[Cell]:
        return self.kept.get(job_id, [])

    async def at_message(self, message_id: int) -> tuple[Job, int | None]:
        if message_id in self.posts:
            job_id, cell = self.posts[message_id]
            return self.jobs[job_id], cell
        for job in self.jobs.values():
            if job.reply.message_id == message_id:
                return job, None
        raise JobNotFound(str(message_id))

    async def unposted(self, message_id: int) -> None:
        self.posts.pop(message_id, None)

    async def posted(self, job_id: str, cell: int | None, channel_id: int, message_id: int) -> None:
        self.posts[message_id] = (job_id, cell)
        self.places.setdefault(job_id, set()).add(channel_id)

    async def shown_in(self, job_id: str) -> set[int]:
        return self.places.get(job_id, set())

    async def extracted(self, job_ids: Collection[str], channel_id: int, message_id: int) -> None:
        self.extracts[message_id] = tuple(job_ids)

    async def extract_at(self, message_id: int) -> list[Job]:
        return [self.jobs[job_id] for job_id in self.extracts.get(message_id, ())]

    async def reply_at(self, job_id: str, message_id: int) -> None:
        job = self.jobs[job_id]
        self.change(job_id, reply=job.reply.model_copy(update={"message_id": message_id}))

    async def active(self, member_id: int | None = None, guild_id: int | None = None) -> list[Job]:
        return [
            job
            for job in self.jobs.values()
            if job.state in (JobState.QUEUED, JobState.RUNNING)
            and member_id in (None, job.member_id)
            and guild_id in (None, job.guild_id)
        ]

    async def recent(self, member_id: int, limit: int) -> list[Job]:
        return [job for job in reversed(self.jobs.values()) if job.member_id == member_id][:limit]

    async def family(self, job_id: str, limit: int = 300) -> list[Job]:
        return list(self.jobs.values())[:limit]


class MemoryRules:
    def __init__(self) -> None:
        self.set: dict[int, GuildRules] = {}

    async def get(self, guild_id: int) -> GuildRules:
        return self.set.get(guild_id, GuildRules(guild_id=guild_id))


class NamedModels:
    """An engine of which only the models' names are asked, and which is never paused."""

    def __init__(self, *names: str) -> None:
        self._names, self.is_paused = names, False
        self.cards: tuple[LoRACard, ...] = ()
        self.followers: Collection[str] = names
        """The models that follow style and control pictures."""
        self.needs: dict[str, str] = {}

    @property
    def default_model(self) -> str:
        return self._names[0]

    async def loras(self) -> tuple[LoRACard, ...]:
        return self.cards

    def fitting(self, card: LoRACard) -> tuple[str, ...]:
        return tuple(name for name in self._names if name == card.settings.model)

    def models(self) -> list[SimpleNamespace]:
        sizes = {"width": 64, "height": 64, "num_inference_steps": 2, "licence": "Apache-2.0", "vocabulary": ()}
        return [
            SimpleNamespace(
                name=name, source=name, need=self.needs.get(name, "words"), follows_style=name in self.followers,
                control_types=("edges",) if name in self.followers else (), **sizes,
            )
            for name in self._names
        ]  # fmt: skip

    def references(self, model: str) -> int:
        return 3 if model == "klein" else 0

    async def judge(self, picture: bytes) -> Safety:
        """Black is what the picture check flags."""
        return Safety(score=0.01 if Image.open(io.BytesIO(picture)).getextrema() != ((0, 0),) * 3 else 0.99)

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False


class NoLimits:
    async def uses(self, member: Member, place: Place, now: datetime) -> list[Use]:
        return []


class SilentLog:
    async def add(self, entry: AuditEntry) -> None:
        """Nothing is written."""


class NoRecords:
    async def messages_of(self, job_id: str) -> list[tuple[int, int]]:
        return []

    async def drop_pictures(self, job_id: str) -> None:
        """Nothing is stored."""


async def no_prices(job: Job, cell: Cell) -> Mapping[Verb, Price]:
    return {}


class ScriptedStudio:
    """Accepts everything (or raises `refusal`), plays `script`, waits for `gate`, then delivers four colours."""

    def __init__(self, jobs: MemoryJobs, pictures: MemoryPictures, replies, tasks: Tasks) -> None:
        self.jobs, self.pictures, self.replies, self._tasks = jobs, pictures, replies, tasks
        self.script: Sequence[Event] = SCRIPT
        self.refusal: BotError | EngineError | None = None
        self.barred: BotError | None = None
        self.accept_after_s = 0.0
        self.failure: EngineError | None = None
        self.asks: list[Ask] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.runs: dict[str, asyncio.Task[None]] = {}
        self.delivery_errors: list[Exception] = []
        self.kept_frames = [webp("grey"), webp("black"), webp("red")]

    async def submit(self, ask: Ask) -> Job:
        await asyncio.sleep(self.accept_after_s)
        if self.refusal is not None:
            raise self.refusal
        if any((done.interaction_id, done.index) == (ask.interaction_id, ask.index) for done in self.asks):
            raise AlreadyAsked("?")
        self.asks.append(ask)
        source = ask.spec.source
        job = a_job(
            id=f"job{len(self.asks):07d}", spec=ask.spec, member_id=ask.member.id, member_name=ask.member.name,
            guild_id=ask.place.guild_id, channel_id=ask.place.channel_id, reply=ask.reply, notify=ask.notify,
            interaction_id=ask.interaction_id, index=ask.index, parent_id=source.job_id if source else None,
            parent_cell=source.cell if source else None,
        )  # fmt: skip
        self.jobs.jobs[job.id] = job
        self.runs[job.id] = self._tasks.start(self._run(job.id), f"run-{job.id}")
        return job

    async def check_entry(self, by: Member, place: Place) -> None:
        if isinstance(self.barred, BotError):
            raise self.barred

    async def check_words(self, by: Member, place: Place, text: str) -> None:
        await self.check_entry(by, place)

    async def check_post(self, job: Job, by: Member, place: Place) -> None:
        await self.check_entry(by, place)

    async def cancel(self, job_id: str, by: Member) -> Job:
        job = await self.jobs.get(job_id)
        if by.id != job.member_id and not moderates_job(by, job):
            raise OwnersOnly(job.member_id)
        self.runs[job_id].cancel()
        job = self.jobs.change(job_id, state=JobState.CANCELLED)
        await self._tasks.start(self.replies.closed(job, RequestAborted(AbortReason.USER_REQUEST)), "closed")
        return job

    async def gone(self, job_id: str) -> None:
        self.runs[job_id].cancel()
        self.jobs.change(job_id, state=JobState.CANCELLED, error="reply gone")

    async def cell(self, job_id: str, cell: int) -> Cell:
        for kept in self.jobs.kept.get(job_id, []):
            if kept.cell == cell:
                return kept
        raise CellNotFound(job_id, cell)

    async def picture(self, job_id: str, cell: int) -> bytes:
        return await JobResults(self.jobs, self.pictures).picture(job_id, cell)

    async def frames(self, job_id: str) -> list[bytes]:
        return self.kept_frames if self.jobs.jobs[job_id].frames_key else []

    async def done(self) -> None:
        await asyncio.gather(*self.runs.values(), return_exceptions=True)

    async def _run(self, job_id: str) -> None:
        for event in self.script:
            self.replies.show(self.jobs.jobs[job_id], event)
            await asyncio.sleep(0.01)
        await self.gate.wait()
        if self.failure is not None:
            await self.replies.closed(self.jobs.change(job_id, state=JobState.FAILED), self.failure)
            return
        await self._keep(job_id)
        await self._deliver(job_id)

    async def _keep(self, job_id: str) -> None:
        job = self.jobs.jobs[job_id]
        cells: list[Cell] = []
        for number in range(job.spec.count):
            content, key = png(COLOURS[number % len(COLOURS)]), f"{job_id}/{number}.png"
            await self.pictures.put(key, content)
            cells.append(
                Cell(
                    job_id=job_id, cell=number, key=key, width=64, height=64, seed=job.spec.seed + number,
                    sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content),
                )
            )  # fmt: skip
        self.jobs.kept[job_id] = cells
        self.jobs.change(job_id, state=JobState.RENDERED)

    async def _deliver(self, job_id: str) -> None:
        while True:
            try:
                await self.replies.deliver(self.jobs.jobs[job_id], self.jobs.kept[job_id])
            except DeliveryLater as error:
                self.delivery_errors.append(error)
                await asyncio.sleep(0.01)
            except ReplyGone as error:
                self.delivery_errors.append(error)
                self.jobs.change(job_id, state=JobState.CANCELLED)
                return
            else:
                job = self.jobs.change(job_id, state=JobState.DELIVERED)
                if job.notify:
                    await self.replies.notify(job, job.reply.message_id)
                return
