"""Picture files: small copies for the pages, originals to look at and to keep."""

from __future__ import annotations

from aiohttp import web

from bot.domain.model import Cell, Member
from bot.domain.moderation.publicity import is_public
from bot.errors import CellNotFound, JobNotFound
from bot.gallery.gate import Gate, cell_of
from bot.gallery.requests import job_and_number
from bot.gallery.tracer import Tracer
from bot.gallery.views import LOST, NOTHING
from bot.gallery.visitors import Visitors
from bot.store.pictures import PictureStore

PUBLIC, OWN = "private, max-age=60", "no-store"
"""Browsers keep a public picture for a minute, so that a withdrawal holds soon; proxies keep none."""


class Downloads:
    """Handlers that answer with pictures; each asks the gate."""

    def __init__(self, gate: Gate, pictures: PictureStore, tracer: Tracer, visitors: Visitors) -> None:
        self._gate, self._pictures, self._tracer, self._visitors = gate, pictures, tracer, visitors

    async def small(self, request: web.Request) -> web.StreamResponse:
        """A WebP of at most 448 pixels a side."""
        cell, keep = await self._cell(request)
        try:
            trace = await self._tracer.trace(cell)
        except KeyError:
            raise web.HTTPNotFound(text=LOST) from None
        return web.Response(body=trace.thumbnail, content_type="image/webp", headers={"Cache-Control": keep})

    async def full(self, request: web.Request) -> web.StreamResponse:
        """The PNG as it was made, with its recipe inside."""
        cell, keep = await self._cell(request)
        how = "attachment" if "download" in request.query else "inline"
        name = f"darkroom-{cell.job_id}-{cell.cell + 1}.png"
        headers = {"Cache-Control": keep, "Content-Disposition": f'{how}; filename="{name}"'}
        if self._pictures.folder is not None and await self._pictures.has(cell.key):
            return web.FileResponse(self._pictures.folder / cell.key, headers=headers)
        try:
            content = await self._pictures.get(cell.key)
        except KeyError:
            raise web.HTTPNotFound(text=LOST) from None
        return web.Response(body=content, content_type="image/png", headers=headers)

    async def _cell(self, request: web.Request) -> tuple[Cell, str]:
        (job_id, number), member = job_and_number(request), self._visitors.member(request)
        return await self._permitted(job_id, number, member)

    async def _permitted(self, job_id: str, number: int, member: Member | None) -> tuple[Cell, str]:
        try:
            line = await self._gate.line(job_id, member)
            return cell_of(line, number), PUBLIC if is_public(line, self._gate.now()) else OWN
        except (JobNotFound, CellNotFound):
            raise web.HTTPNotFound(text=NOTHING) from None
