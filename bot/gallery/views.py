"""The pages: what is public, what is one's own, one picture, and pictures that look alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from aiohttp import web

from bot.domain.model import Member
from bot.domain.moderation.publicity import Line
from bot.domain.prompting.derivation import family
from bot.errors import CellNotFound, JobNotFound
from bot.gallery import cards
from bot.gallery.catalogue import Catalogue, Entry, Query
from bot.gallery.gate import Gate, cell_of
from bot.gallery.likeness import Likeness, Vector, unpacked
from bot.gallery.own import OwnPictures
from bot.gallery.pages import Pages
from bot.gallery.requests import Asked, asked_for, cursor, job_and_number
from bot.gallery.tracer import Tracer
from bot.gallery.visitors import Visitors
from bot.store.gallery.candidates import Place
from bot.store.gallery.traces import Key
from bot.store.jobs.job_reads import JobReads
from engine import EngineError, TextEmbedder

PAGE = 24
"""Jobs on a page."""
ALIKE = 48
MOST_KIN = 40
NOTHING = "There is no such picture, or it is not for you."
LOST = "The file of this picture is lost."
NO_LIKENESS = "This host compares no pictures: the built-in model is not installed."
SIGN_IN_FIRST = "Sign in with Discord to see your own pictures."


class Views:
    """Handlers that answer with HTML."""

    def __init__(
        self,
        gate: Gate,
        catalogue: Catalogue,
        likeness: Likeness,
        own: OwnPictures,
        jobs: JobReads,
        tracer: Tracer,
        texts: TextEmbedder | None,
        pages: Pages,
        visitors: Visitors,
        clock: Callable[[], datetime],
    ) -> None:
        self._gate, self._catalogue, self._likeness, self._own = gate, catalogue, likeness, own
        self._jobs, self._tracer, self._texts, self._pages = jobs, tracer, texts, pages
        self._visitors, self._clock = visitors, clock

    async def index(self, request: web.Request) -> web.Response:
        """What is public, newest first; what is searched for."""
        asked, member = asked_for(request), self._visitors.member(request)
        if asked.query and asked.way == "look":
            return await self._looking_like_words(asked, member)
        lines = await self._public(Query.of(asked.query, asked.member_id), asked.after, member)
        who = lines[0].exhibits[0].job.member_name if lines and asked.member_id else None
        return self._listed("index", asked, lines, member, who=who)

    async def mine(self, request: web.Request) -> web.Response:
        """Everything of one's own, newest first; what is searched for by words."""
        asked, member = asked_for(request), self._visitors.member(request)
        if member is None:
            raise web.HTTPForbidden(text=SIGN_IN_FIRST)
        places = await self._own.places(member.id, Query.of(asked.query), asked.after, PAGE)
        lines = await self._gate.permitted([place.job_id for place in places], member)
        following = places[-1] if len(places) == PAGE else None
        return self._listed("mine", asked, lines, member, following=following)

    async def picture(self, request: web.Request) -> web.Response:
        """One picture with its recipe and family."""
        (job_id, number), member = job_and_number(request), self._visitors.member(request)
        line, now = await self._line(job_id, member), self._clock()
        cell = _found(line, number)
        job = line.exhibits[0].job
        kin = family(await self._jobs.family(job_id)).nearest(job_id, MOST_KIN)
        relatives = await self._gate.permitted([each.id for each in kin.jobs], member)
        return self._pages.page(
            "picture",
            member,
            card=cards.card(line, now),
            picture=cards.picture(cell),
            words=cards.words_of(job),
            command=cards.command(job),
            recipe=cards.recipe(job, cell),
            roots=cards.tree(relatives, job_id, now) if len(relatives) > 1 else (),
            has_likeness=self._texts is not None,
        )

    async def alike(self, request: web.Request) -> web.Response:
        """Public pictures that look like one."""
        (job_id, number), member = job_and_number(request), self._visitors.member(request)
        line = await self._line(job_id, member)
        cell = _found(line, number)
        try:
            trace = await self._tracer.trace(cell)
        except KeyError:
            raise web.HTTPNotFound(text=LOST) from None
        if trace.vector is None:
            raise web.HTTPNotFound(text=NO_LIKENESS)
        found = await self._nearest(unpacked(trace.vector), besides=job_id)
        return self._pages.page("alike", member, of=cards.picture(cell), words=cards.words_of(line.exhibits[0].job),
                                pictures=found)  # fmt: skip

    async def _looking_like_words(self, asked: Asked, member: Member | None) -> web.Response:
        if self._texts is None:
            raise web.HTTPNotFound(text=NO_LIKENESS)
        try:
            [vector] = await self._texts.ask([asked.query])
        except EngineError:
            raise web.HTTPServiceUnavailable(text="Pictures cannot be compared here now.") from None
        found = await self._nearest(vector)
        return self._pages.page("alike", member, of=None, words=asked.query, pictures=found, query=asked.query,
                                way=asked.way)  # fmt: skip

    async def _nearest(self, vector: Vector, besides: str = "") -> list[tuple[cards.Picture, str]]:
        """Public pictures with their words, the most alike first."""
        keys: Sequence[Key] = await asyncio.to_thread(self._likeness.nearest, vector, 2 * ALIKE)
        keys = [key for key in keys if key[0] != besides]
        found = list[tuple[cards.Picture, str]]()
        while keys and len(found) < ALIKE:  # hardly any is private: what is read is what is shown
            some, keys = keys[: ALIKE - len(found)], keys[ALIKE - len(found) :]
            found += await self._public_cells(some)
        return found

    async def _public_cells(self, keys: Sequence[Key]) -> list[tuple[cards.Picture, str]]:
        lines = await self._gate.permitted(list(dict.fromkeys(job_id for job_id, _ in keys)), None)
        public = {line.exhibits[0].job.id: line.exhibits[0] for line in lines}
        shown = [(public[job_id], cell) for job_id, cell in keys if job_id in public]
        return [(cards.picture(each), cards.words_of(exhibit.job))
                for exhibit, cell in shown for each in exhibit.cells if each.cell == cell]  # fmt: skip

    async def _public(self, query: Query, after: Place | None, member: Member | None) -> list[Line]:
        """A page of the catalogue; what is no longer public is taken out of it on the way."""
        found, shown = self._catalogue.find(query, after), list[Line]()
        while len(shown) < PAGE and (entries := _some(found, PAGE - len(shown))):
            ids = [entry.place.job_id for entry in entries]
            lines = await self._gate.permitted(ids, None)
            shown += lines
            gone = set(ids) - {line.exhibits[0].job.id for line in lines}
            if gone:
                self._catalogue.drop(gone)
                found = self._catalogue.find(query, entries[-1].place)
        return shown

    async def _line(self, job_id: str, member: Member | None) -> Line:
        try:
            return await self._gate.line(job_id, member)
        except JobNotFound:
            raise web.HTTPNotFound(text=NOTHING) from None

    def _listed(
        self, template: str, asked: Asked, lines: Sequence[Line], member: Member | None, **values: Any
    ) -> web.Response:
        now, last = self._clock(), lines[-1].exhibits[0].job if len(lines) == PAGE else None
        following: Place | None = values.pop("following", Place(last.created_at, last.id) if last else None)
        return self._pages.page(
            template,
            member,
            cards=[cards.card(line, now) for line in lines],
            query=asked.query,
            way=asked.way,
            by=asked.member_id,
            older=cursor(following) if following else None,
            is_first=asked.after is None,
            **values,
        )


def _found(line: Line, number: int) -> Any:
    try:
        return cell_of(line, number)
    except CellNotFound:
        raise web.HTTPNotFound(text=NOTHING) from None


def _some(entries: Iterator[Entry], count: int) -> list[Entry]:
    return list(islice(entries, count))
