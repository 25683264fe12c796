"""The gateway: identify, heartbeat, resume with replay, and the ways a connection ends; for any number of shards."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.wire.world import APPLICATION_ID, TOKEN, World

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11


@dataclass(eq=False)
class Session:
    """What one identify began: one shard; keeps what it was sent, so that a resume misses nothing."""

    shard: int
    count: int
    socket: web.WebSocketResponse | None
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    sequence: int = 0
    sent: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def is_open(self) -> bool:
        """Whether somebody listens."""
        return self.socket is not None and not self.socket.closed

    async def dispatch(self, kind: str, content: dict[str, Any]) -> None:
        """Send an event now, or when the session is resumed."""
        self.sequence += 1
        message = {"op": DISPATCH, "t": kind, "s": self.sequence, "d": content}
        self.sent.append(message)
        if self.socket is not None and not self.socket.closed:
            await self.socket.send_json(message)


class Gateway:
    """Deals each event to the sessions of its server's shard, as Discord does: several may have the same shard."""

    def __init__(self, world: World, host: str) -> None:
        self.world, self.host = world, host
        self.sessions: list[Session] = []
        self.ready = asyncio.Event()
        self.identified = self.resumed = 0
        self.identified_at: list[float] = []
        self.is_silent = False
        """Whether who connects hears nothing, not even a greeting."""
        self.unheard = 0
        """How many connected so."""

    def holders(self, shard: int) -> int:
        """How many sessions listen to a shard."""
        return sum(session.is_open for session in self.sessions if session.shard == shard)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, until either side ends it."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        if self.is_silent:
            self.unheard += 1
            await socket.receive()
            return socket
        await socket.send_json({"op": HELLO, "d": {"heartbeat_interval": 20000}})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._hear(socket, json.loads(message.data))
        for session in self.sessions:
            if session.socket is socket:
                session.socket = None
                self._note_closed()
        return socket

    def _note_closed(self) -> None:
        if not any(session.is_open for session in self.sessions):
            self.ready.clear()

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
        self.identified_at.append(time.monotonic())
        shard, count = wanted.get("shard") or (0, 1)
        # Sessions that nobody listens to any more could be resumed; the last one of the shard is enough.
        self.sessions = [one for one in self.sessions if one.shard != shard or one.is_open]
        session = Session(shard, count, socket)
        self.sessions.append(session)
        guilds = [guild_id for guild_id in self.world.guilds if (guild_id >> 22) % count == shard]
        ready = {
            "v": 10,
            "user": self.world.bot_user,
            "guilds": [{"id": str(guild_id), "unavailable": True} for guild_id in guilds],
            "session_id": session.id,
            "resume_gateway_url": f"ws://{self.host}/gateway",
            "shard": [shard, count],
            "application": {"id": str(APPLICATION_ID), "flags": 0},
        }
        await session.dispatch("READY", ready)
        for guild_id in guilds:
            await session.dispatch("GUILD_CREATE", self.world.guild(guild_id))
        self.ready.set()

    async def _resume(self, socket: web.WebSocketResponse, wanted: dict[str, Any]) -> None:
        found = [session for session in self.sessions if session.id == wanted["session_id"]]
        if not found:
            await socket.send_json({"op": INVALID, "d": False})
            return
        self.resumed += 1
        found[0].socket = socket
        for message in found[0].sent:
            if message["s"] > wanted["seq"]:
                await socket.send_json(message)
        await found[0].dispatch("RESUMED", {})
        self.ready.set()

    async def dispatch(self, kind: str, content: dict[str, Any]) -> None:
        """Send an event to its shard; direct messages go to shard 0."""
        guild_id = int(content.get("guild_id") or (kind.startswith("GUILD_") and content.get("id")) or 0)
        for session in self.sessions:
            if session.shard == (guild_id >> 22) % session.count:
                await session.dispatch(kind, content)

    # --- faults ---------------------------------------------------------------------------------

    async def drop(self, code: int | None = None) -> None:
        """End all connections: rudely, or with a close code."""
        self.ready.clear()
        for session in self.sessions:
            socket, session.socket = session.socket, None
            if socket is None:
                continue
            if code is not None:
                await socket.close(code=code)
            elif socket._req and socket._req.transport:
                socket._req.transport.abort()

    async def ask_to_reconnect(self) -> None:
        """Op 7, as Discord sends before it restarts a gateway."""
        for session in self.sessions:
            if session.socket is not None:
                await session.socket.send_json({"op": RECONNECT, "d": None})

    async def invalidate(self, *, may_resume: bool = False) -> None:
        """Op 9: the session is gone, identify anew; or, now and then, it may be resumed."""
        self.ready.clear()
        for session in self.sessions:
            if not may_resume:
                session.id = ""
            if session.socket is not None:
                await session.socket.send_json({"op": INVALID, "d": may_resume})
