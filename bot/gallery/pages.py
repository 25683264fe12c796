"""Renders the pages from their templates; every value is escaped."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

TITLES = {400: "That does not work", 403: "Not allowed", 404: "Nothing here", 421: "Unknown address", 503: "Busy"}
TYPES = {".css": "text/css", ".svg": "image/svg+xml"}


class Pages:
    """All templates and static files, read once."""

    def __init__(self, title: str, *, can_sign_in: bool) -> None:
        self._environment = Environment(
            loader=PackageLoader("bot.gallery"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        self._environment.filters["day"] = _day
        static = files("bot.gallery").joinpath("static")
        self._static = {each.name: each.read_bytes() for each in static.iterdir() if each.name[0] != "_"}
        self._tags = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in self._static.items()}
        self._common = {"site": title, "can_sign_in": can_sign_in, "tags": self._tags}

    def page(self, name: str, member: Any = None, status: int = 200, **values: Any) -> web.Response:
        """Return a page; nobody but this browser keeps it."""
        values = {**self._common, "member": member, "query": "", "way": "words", **values}
        text = self._environment.get_template(f"{name}.html").render(values)
        return web.Response(text=text, content_type="text/html", status=status, headers={"Cache-Control": "no-store"})

    def error(self, status: int, why: str, headers: Mapping[str, str] | None = None) -> web.Response:
        """Return a page that says what went wrong."""
        response = self.page("message", status=status, heading=TITLES.get(status, "That went wrong"), why=why)
        response.headers.update(headers or {})
        return response

    async def static(self, request: web.Request) -> web.Response:
        """Answer with a static file; its address changes with its content."""
        name = request.match_info["name"]
        if name not in self._static:
            raise web.HTTPNotFound(text="There is no such file.")
        suffix = name[name.rindex(".") :]
        keep = {"Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(body=self._static[name], content_type=TYPES[suffix], charset="utf-8", headers=keep)


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"
