"""Reads what a visitor asks for; what is not understood is refused in words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from aiohttp import web

from bot.gallery.catalogue import MAX_QUERY
from bot.store.gallery.candidates import Place

JOB = r"{job:[0-9a-z]{1,16}}"
NUMBER = r"{number:[1-9][0-9]?}"
_CURSOR = re.compile(r"(\d{1,17})-([0-9a-z]{1,16})")
_ID = re.compile(r"\d{1,20}")
_WAYS = ("words", "look")


class Asked(NamedTuple):
    """A page of the gallery that is asked for."""

    query: str
    way: str
    """Search by "words" of the prompt, or by "look" of the picture."""
    member_id: int | None
    """Only pictures of this member."""
    after: Place | None
    """The last job of the page before."""


def asked_for(request: web.Request) -> Asked:
    """Read the query string. Raises `HTTPBadRequest`."""
    given = request.query
    query, way, by = given.get("q", "").strip(), given.get("way", "words"), given.get("by", "")
    if len(query) > MAX_QUERY:
        raise web.HTTPBadRequest(text=f"A search has at most {MAX_QUERY} characters.")
    if way not in _WAYS:
        raise web.HTTPBadRequest(text="Pictures are found by their words or by their look.")
    if by and not _ID.fullmatch(by):
        raise web.HTTPBadRequest(text="There is no such member.")
    return Asked(query, way, int(by) if by else None, _place(given.get("after", "")))


def cursor(place: Place) -> str:
    """Return a place as it is written into an address."""
    return f"{int(place.created_at.timestamp() * 1_000_000)}-{place.job_id}"


def job_and_number(request: web.Request) -> tuple[str, int]:
    """Read the job's id and the picture's number from the path, whose form the route has checked."""
    return request.match_info["job"], int(request.match_info.get("number", "1"))


def _place(text: str) -> Place | None:
    if not text:
        return None
    if not (found := _CURSOR.fullmatch(text)):
        raise web.HTTPBadRequest(text="There is no such page.")
    microseconds = int(found[1])
    at = datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(microsecond=microseconds % 1_000_000)
    return Place(at, found[2])
