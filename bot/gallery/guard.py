"""What every request passes: the Host header, the load, the response headers, and errors in words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware
from yarl import URL

from bot.errors import BotError, StoreError
from bot.gallery.pages import Pages

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

AT_ONCE = 8
"""Requests that are worked on at a time."""
MOST_WAITING = 500
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
UNKNOWN_HOST = "This gallery does not answer under that name. The host sets its address: operation.gallery.url."
UNKNOWN_PAGE = "There is no such page."
BUSY = "Too many people look at once. Try again in a few seconds."
ELSEWHERE = "This was sent by another page."

log = logging.getLogger(__name__)


def answering(pages: Pages, hosts: frozenset[str]) -> Middleware:
    """Return the middleware; `hosts` are the values of Host (host, or host:port) under which the page answers."""
    room, waiting = asyncio.Semaphore(AT_ONCE), 0

    async def handled(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal waiting
        if not _is_known(request.headers.get("Host", ""), hosts):
            return pages.error(421, UNKNOWN_HOST)
        if request.method == "POST" and not _is_own(request, hosts):
            return pages.error(403, ELSEWHERE)
        if waiting >= MOST_WAITING:
            return pages.error(503, BUSY, {"Retry-After": "5"})
        waiting += 1
        try:
            async with room:
                return await handler(request)
        finally:
            waiting -= 1

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handled(request, handler)
        except web.HTTPRedirection as redirection:
            response = redirection
        except web.HTTPException as error:
            response = pages.error(error.status, _words(error))
        except StoreError as error:
            log.warning("gallery page not read: %s", error, extra={"action": "gallery"})
            response = pages.error(503, BUSY, {"Retry-After": "5"})
        except BotError as error:
            response = pages.error(502, str(error))
        response.headers.update(HEADERS)
        return response

    return answer


def hosts_of(origin: URL, port: int) -> frozenset[str]:
    """Return the values of Host under which the page answers: its address, and the loopback address."""
    names = ("127.0.0.1", "localhost", "[::1]")
    return frozenset({_authority(origin), *(f"{name}:{port}" for name in names)})


def _authority(url: URL) -> str:
    """Return host and port as a browser writes them: without the scheme's own port."""
    return f"{url.host_subcomponent}:{url.port}" if not url.is_default_port() else str(url.host_subcomponent)


def _words(error: web.HTTPException) -> str:
    """Return our words; aiohttp's own are the status and its name."""
    said = error.text or ""
    return UNKNOWN_PAGE if not said or said.startswith(f"{error.status}:") else said


def _is_known(host: str, hosts: frozenset[str]) -> bool:
    return host.lower() in hosts


def _is_own(request: web.Request, hosts: frozenset[str]) -> bool:
    """Whether a form was sent by a page of ours: browsers say so themselves."""
    if (site := request.headers.get("Sec-Fetch-Site")) is not None:
        return site == "same-origin"
    try:
        return _authority(URL(request.headers.get("Origin", ""))) in hosts
    except ValueError:
        return False
