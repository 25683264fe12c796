"""Visitors: who is signed in, and how they sign in and out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from aiohttp import web
from yarl import URL

from bot.domain.model import Member
from bot.gallery.discord_login import DiscordLogin, SignIn
from bot.gallery.sessions import Tickets

SESSION_LIFE, SIGN_IN_LIFE = timedelta(days=7), timedelta(minutes=10)
MOST_SESSIONS, MOST_SIGN_INS = 10_000, 1_000
OFF = "Nobody can sign in here: the host has not set it up (operation.gallery.client_secret)."
STALE = "This sign-in is too old, or was begun in another browser. Begin again."
DECLINED = "You were not signed in: Discord was told not to."

log = logging.getLogger(__name__)


class Visitors:
    """Handlers of `/sign-in`, `/signed-in` and `/sign-out`; cookies hold random tokens only."""

    def __init__(self, login: DiscordLogin | None, origin: URL, clock: Callable[[], datetime]) -> None:
        """`login`: None where nobody can sign in. `origin`: the address of the page."""
        self._login, self._is_secure = login, origin.scheme == "https"
        prefix = "__Host-" if self._is_secure else ""
        self._session_cookie, self._state_cookie = f"{prefix}darkroom_session", f"{prefix}darkroom_state"
        self._sessions = Tickets[Member](SESSION_LIFE, MOST_SESSIONS, clock)
        self._sign_ins = Tickets[SignIn](SIGN_IN_LIFE, MOST_SIGN_INS, clock)

    def member(self, request: web.Request) -> Member | None:
        """Return who is signed in."""
        return self._sessions.look(request.cookies.get(self._session_cookie, ""))

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Send the browser to Discord; the state is bound to this browser by a cookie."""
        if self._login is None:
            raise web.HTTPNotFound(text=OFF)
        sign_in = self._login.begin(request.query.get("after", "/"))
        state = self._sign_ins.issue(sign_in)
        response = web.Response(status=303, headers={"Location": str(self._login.address(sign_in, state))})
        self._set(response, self._state_cookie, state, SIGN_IN_LIFE)
        return response

    async def signed_in(self, request: web.Request) -> web.StreamResponse:
        """Discord sends the browser here, with a code or a refusal."""
        if self._login is None:
            raise web.HTTPNotFound(text=OFF)
        state = request.query.get("state", "")
        begun_here = bool(state) and state == request.cookies.get(self._state_cookie)
        sign_in = self._sign_ins.take(state) if begun_here else None
        if sign_in is None:
            raise web.HTTPBadRequest(text=STALE)
        code = request.query.get("code", "")
        if not code:
            raise web.HTTPForbidden(text=DECLINED)
        member = await self._login.finish(sign_in, code)
        log.info("member signed in", extra={"action": "gallery", "member": member.id})
        response = web.Response(status=303, headers={"Location": sign_in.after})
        self._sessions.take(request.cookies.get(self._session_cookie, ""))  # never two for one browser
        self._set(response, self._session_cookie, self._sessions.issue(member), SESSION_LIFE)
        response.del_cookie(self._state_cookie, path="/", secure=self._is_secure)
        return response

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """End the session."""
        self._sessions.take(request.cookies.get(self._session_cookie, ""))
        response = web.Response(status=303, headers={"Location": "/"})
        response.del_cookie(self._session_cookie, path="/", secure=self._is_secure)
        return response

    def _set(self, response: web.Response, name: str, value: str, life: timedelta) -> None:
        # Lax: the cookie must come along when Discord sends the browser back.
        response.set_cookie(
            name, value, max_age=int(life.total_seconds()), path="/", httponly=True, samesite="Lax",
            secure=self._is_secure,
        )  # fmt: skip
