"""Discord's OAuth2 endpoints on loopback: codes are bound to client, redirect and PKCE challenge, and used once."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from tests.bot.gallery.hall import ADA

CLIENT_ID, SECRET = 4711, "a client secret"


class DiscordStandIn:
    """Whoever comes is `person`; `fault` makes it misbehave."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {"id": str(ADA.id), "username": "ada", "global_name": "Ada L."}
        self.agrees, self.fault = True, ""
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()
        self.origin = ""

    async def authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert asked["response_type"] == "code" and asked["scope"] == "identify"
        assert asked["client_id"] == str(CLIENT_ID) and asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        answer = f"code={code}" if self.agrees else "error=access_denied"
        where = f"{asked['redirect_uri']}?{answer}&state={asked['state']}"
        return web.Response(status=302, headers={"Location": where})

    async def token(self, request: web.Request) -> web.Response:
        if self.fault == "token":
            return web.json_response({"error": "server_error"}, status=500)
        if self.fault == "nonsense":
            return web.Response(text="<html>", content_type="text/html")
        form = await request.post()
        asked = self.codes.pop(str(form["code"]), None)
        is_client = request.headers["Authorization"] == aiohttp.encode_basic_auth(str(CLIENT_ID), SECRET)
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        proven = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or not is_client:
            return web.json_response({"error": "invalid_grant"}, status=400)
        if proven != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = secrets.token_urlsafe(8)
        self.tokens.add(token)
        return web.json_response({"access_token": token, "token_type": "Bearer"})

    async def me(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"].removeprefix("Bearer ") not in self.tokens:
            return web.json_response({}, status=401)
        return web.json_response(self.person)

    async def revoke(self, request: web.Request) -> web.Response:
        self.tokens.discard(str((await request.post())["token"]))
        return web.Response()


@asynccontextmanager
async def discord() -> AsyncIterator[DiscordStandIn]:
    """Serve it."""
    stand_in = DiscordStandIn()
    app = web.Application()
    app.add_routes(
        [
            web.get("/oauth2/authorize", stand_in.authorize),
            web.post("/api/oauth2/token", stand_in.token),
            web.get("/api/users/@me", stand_in.me),
            web.post("/api/oauth2/token/revoke", stand_in.revoke),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stand_in.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stand_in
    await runner.cleanup()
