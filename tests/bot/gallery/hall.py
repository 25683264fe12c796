"""A small server's pictures in a real database, and the gallery over them; what tests want to do there."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image

from bot.domain.model import Ask, Job, JobSpec, JobState, Kept, Member, Options, Place, Preferences, ReplyTo, Verb
from bot.domain.model import Cell as StoredCell
from bot.gallery.plan import GalleryPlan
from bot.gallery.server import Gallery, serve
from bot.store.database import Database
from bot.store.gallery.choices import GalleryChoiceStore
from bot.store.gallery.open_channels import OpenChannelStore
from bot.store.jobs.jobs import JobStore
from bot.store.members.members import MemberStore
from bot.store.pictures import PictureStore
from tests.bot.store.asks import NOW, NoLedger

GUILD, OPEN, CLOSED = 5, 10, 11
ADA, BO = Member(id=1, name="ada"), Member(id=2, name="bo")
AGREES = Preferences(gallery=True)
GIVEN = object()


def png(colour: str, size: int = 96) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()


class Hall:
    """Ada agreed that the gallery shows hers; bo said nothing."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.jobs = JobStore(database, NoLedger())
        self.members = MemberStore(database, lambda: self.now)
        self.pictures = PictureStore.open(folder / "pictures")
        self.channels, self.choices = OpenChannelStore(database), GalleryChoiceStore(database)
        self.now, self._asked = NOW, 0

    @property
    def plan(self) -> GalleryPlan:
        url, pictures = self.database.url.render_as_string(hide_password=False), str(self.folder / "pictures")
        return GalleryPlan(data_dir=self.folder, database=url, pictures=pictures, port=0)

    async def hang(
        self,
        prompt: str = "a red fox",
        *,
        by: Member = ADA,
        place: Place | None = None,
        reply: dict[str, Any] | None = None,
        spec: JobSpec | None = None,
        count: int = 1,
        colour: str = "red",
        is_posted: bool = True,
        cell: dict[str, Any] | None = None,
        pictures: list[bytes] | None = None,
        **kept: Any,
    ) -> Job:
        """A job from the command to the posted result."""
        place = place or Place(guild_id=GUILD, channel_id=OPEN, open_channel_id=OPEN)
        spec = spec or JobSpec(verb=Verb.IMAGINE, options=Options(prompt=prompt), seed=7, count=count)
        self._asked += 1
        self.now += timedelta(minutes=1)
        to = ReplyTo(channel_id=place.channel_id, **(reply or {}))
        ask = Ask(spec=spec, member=by, place=place, reply=to, interaction_id=self._asked)
        job = await self.jobs.accept(ask, model="pocket", weight=1.0, estimate_ms=1.0, now=self.now)
        job = await self.jobs.claim(job)
        contents = pictures or [png(colour)] * count
        cells = []
        for number, content in enumerate(contents):
            width, height = Image.open(io.BytesIO(content)).size
            key = f"jobs/{job.id}/{number}.png"
            await self.pictures.put(key, content)
            given = {"unsafe_score": 0.01, **(cell or {})}
            cells.append(StoredCell(job_id=job.id, cell=number, key=key, width=width, height=height, seed=7 + number,
                                    sha256="0" * 64, size_bytes=len(content), **given))  # fmt: skip
        job = await self.jobs.keep(job, Kept(cells=tuple(cells), gpu_ms=1.0, **kept), self.now)
        if job.state is not JobState.RENDERED:
            return job
        message_id = 10**9 + self._asked
        job = await self.jobs.delivered(job, message_id if is_posted else None, self.now)
        if is_posted:
            await self.jobs.posted(job.id, None, job.channel_id, message_id)
        return job

    def clock(self) -> datetime:
        return self.now


@asynccontextmanager
async def hall(folder: Path, url: str | Path | None = None) -> AsyncIterator[Hall]:
    """The database with one open channel and one member who agreed."""
    database = await Database.open(url or folder / "darkroom.sqlite3")
    made = Hall(database, folder)
    await made.channels.replace(GUILD, {OPEN})
    await made.members.prefer(ADA.id, AGREES)
    yield made
    await database.close()


@dataclass(frozen=True)
class Answer:
    """What the gallery answered."""

    status: int
    text: str
    content: bytes
    headers: Any


class Visitor:
    """A browser without scripts: it keeps cookies, and follows no redirection by itself."""

    def __init__(self, gallery: Gallery, session: aiohttp.ClientSession) -> None:
        self.gallery, self._session = gallery, session
        self.base = f"http://127.0.0.1:{gallery.port}"

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._ask("GET", path, headers)

    async def post(self, path: str, **headers: str) -> Answer:
        return await self._ask("POST", path, headers)

    async def _ask(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        from yarl import URL

        url = path if path.startswith("http") else self.base + path
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = self._session.request(method, URL(url, encoded=True), headers=sent, allow_redirects=False)
        async with asked as response:
            content = await response.read()
            return Answer(response.status, content.decode(errors="replace"), content, response.headers)


def listed(page: str) -> list[str]:
    """The ids of the jobs that a page shows, in its order."""
    return list(dict.fromkeys(re.findall(r'href="/p/(\w+)/1"', page)))


@asynccontextmanager
async def visiting(hall: Hall, **plan: Any) -> AsyncIterator[Visitor]:
    """The gallery over that hall, once it has looked at everything, and somebody who visits it."""
    async with (
        serve(hall.plan.model_copy(update=plan), hall.clock) as gallery,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
    ):
        await gallery.keeper.turn()
        yield Visitor(gallery, session)
