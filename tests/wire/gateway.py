"""The gateway: identify, heartbeat, resume with replay, and the ways a connection ends."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

from aiohttp import WSMsgType, web

from tests.wire.world import APPLICATION_ID, GUILD_ID, TOKEN, World

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11


class Gateway:
    """One bot, one shard; keeps what it sent so that a resumed session misses nothing."""

    def __init__(self, world: World, host: str) -> None:
        self.world, self.host = world, host
        self.socket: web.WebSocketResponse | None = None
        self.ready = asyncio.Event()
        self.identified = self.resumed = 0
        self._session, self._sequence = "", 0
        self._sent: list[dict[str, Any]] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, until either side ends it."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.send_json({"op": HELLO, "d": {"heartbeat_interval": 20000}})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._hear(socket, json.loads(message.data))
        if self.socket is socket:
            self.socket = None
            self.ready.clear()
        return socket

    async def _hear(self, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        match message["op"]:
            case 1:
                await socket.send_json({"op": ACK})
            case 2:
                await self._identify(socket, message["d"])
            case 6:
                await self._resume(socket, message["d"])
            case _:
                pass

    async def _identify(self, socket: web.WebSocketResponse, wanted: dict[str, Any]) -> None:
        if wanted["token"] != TOKEN:
            await socket.close(code=4004)
            return
        self.identified += 1
        self._session, self._sequence, self._sent = secrets.token_hex(8), 0, []
        self.socket = socket
        ready = {
            "v": 10,
            "user": self.world.bot_user,
            "guilds": [{"id": str(GUILD_ID), "unavailable": True}],
            "session_id": self._session,
            "resume_gateway_url": f"ws://{self.host}/gateway",
            "shard": wanted.get("shard", [0, 1]),
            "application": {"id": str(APPLICATION_ID), "flags": 0},
        }
        await self.dispatch("READY", ready)
        await self.dispatch("GUILD_CREATE", self.world.guild())
        self.ready.set()

    async def _resume(self, socket: web.WebSocketResponse, wanted: dict[str, Any]) -> None:
        if wanted["session_id"] != self._session:
            await socket.send_json({"op": INVALID, "d": False})
            return
        self.resumed += 1
        self.socket = socket
        for message in self._sent:
            if message["s"] > wanted["seq"]:
                await socket.send_json(message)
        await self.dispatch("RESUMED", {})
        self.ready.set()

    async def dispatch(self, kind: str, content: dict[str, Any]) -> None:
        """Send an event now, or when the session is resumed."""
        self._sequence += 1
        message = {"op": DISPATCH, "t": kind, "s": self._sequence, "d": content}
        self._sent.append(message)
        if self.socket is not None and not self.socket.closed:
            await self.socket.send_json(message)

    # --- faults ---------------------------------------------------------------------------------

    async def drop(self, code: int | None = None) -> None:
        """End the connection: rudely, or with a close code."""
        socket, self.socket = self.socket, None
        self.ready.clear()
        if socket is None:
            return
        if code is not None:
            await socket.close(code=code)
        elif socket._req and socket._req.transport:
            socket._req.transport.abort()

    async def ask_to_reconnect(self) -> None:
        """Op 7, as Discord sends before it restarts a gateway."""
        if self.socket is not None:
            await self.socket.send_json({"op": RECONNECT, "d": None})

    async def invalidate(self, *, may_resume: bool = False) -> None:
        """Op 9: the session is gone, identify anew; or, now and then, it may be resumed."""
        if not may_resume:
            self._session = ""
        self.ready.clear()
        if self.socket is not None:
            await self.socket.send_json({"op": INVALID, "d": may_resume})
