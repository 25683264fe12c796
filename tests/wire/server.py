"""The little Discord, running: start it, act as a member, look at what is shown."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web

from tests.wire.components import TEXT, media, refusals, walk
from tests.wire.faults import Faults
from tests.wire.gateway import Gateway
from tests.wire.limits import Limits
from tests.wire.rest import Rest
from tests.wire.world import (
    APPLICATION_ID,
    CHANNEL_ID,
    GUILD_ID,
    OTHER_CHANNEL_ID,
    PERMISSIONS,
    Interaction,
    World,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Thing:
    """A member (6), channel (7), role (8) or uploaded file (11) given as an option."""

    kind: int
    id: str


class Discord:
    """A member's hands and eyes."""

    def __init__(self, world: World, gateway: Gateway, faults: Faults, limits: Limits, host: str) -> None:
        self.world, self.gateway, self.faults, self.limits, self.host = world, gateway, faults, limits, host

    async def command(
        self, name: str, user: int = 11, moderator: bool = False, where: str = "server", **options: Any
    ) -> Interaction:
        """Type a slash command; "mod ban" names a subcommand. `where`: see `elsewhere`."""
        return await self.type(name, options, user, moderator, where)

    async def type(
        self, name: str, options: dict[str, Any], user: int, moderator: bool, where: str = "server"
    ) -> Interaction:
        """The same for options of any name and kind."""
        top, *rest = name.split()
        known = next(c for c in self.world.commands if c["name"] == top and c["type"] == 1)
        given = [{"name": k, "type": self._kind(v), "value": getattr(v, "id", v)} for k, v in options.items()]
        for sub in reversed(rest):
            given = [{"name": sub, "type": 1 if sub == rest[-1] else 2, "options": given}]
        content = {"id": known["id"], "name": top, "type": 1, "options": given, "resolved": self._resolved(options)}
        return await self._interact(2, content, user, moderator, where=where)

    async def press(self, message: dict[str, Any], label: str, user: int = 11, moderator: bool = False) -> Interaction:
        """Press the button that reads so."""
        button = next(b for b in buttons(message) if label in (b.get("label"), (b.get("emoji") or {}).get("name")))
        return await self.click(message, button["custom_id"], user, moderator)

    async def click(self, message: dict[str, Any], custom_id: str, user: int, moderator: bool = False) -> Interaction:
        """Press the button with that id."""
        content = {"custom_id": custom_id, "component_type": 2}
        where = "other server" if int(message["channel_id"]) == OTHER_CHANNEL_ID else "server"
        return await self._interact(3, content, user, moderator, message=message, where=where)

    async def submit(self, opened: Interaction, values: dict[str, str | list[str]]) -> Interaction:
        """Send a modal that an interaction opened."""
        modal = opened.modal or {}
        sent = [_filled(part, values) for part in modal.get("components", [])]
        content = {"custom_id": modal["custom_id"], "components": sent, "resolved": {}}
        user = int(opened.payload["member"]["user"]["id"])
        return await self._interact(5, content, user, False, message=opened.payload.get("message"))

    async def menu(self, name: str, message: dict[str, Any], user: int) -> Interaction:
        """Choose a context-menu command on a message."""
        known = next(c for c in self.world.commands if c["name"] == name and c["type"] == 3)
        content = {
            "id": known["id"],
            "name": name,
            "type": 3,
            "target_id": message["id"],
            "resolved": {"messages": {message["id"]: message}},
        }
        return await self._interact(2, content, user, False)

    async def react(self, message: dict[str, Any], emoji: str, user: int) -> None:
        """Add a reaction."""
        content = {
            "user_id": str(user),
            "channel_id": message["channel_id"],
            "message_id": message["id"],
            "guild_id": str(GUILD_ID),
            "member": self.world.member(self.world.user(user, f"user{user}"), moderator=False),
            "emoji": {"id": None, "name": emoji},
            "message_author_id": str(APPLICATION_ID),
            "burst": False,
            "type": 0,
        }
        await self.gateway.dispatch("MESSAGE_REACTION_ADD", content)

    async def _interact(
        self,
        kind: int,
        content: dict[str, Any],
        user_id: int,
        moderator: bool,
        message: dict[str, Any] | None = None,
        where: str = "server",
    ) -> Interaction:
        user = self.world.user(user_id, f"user{user_id}")
        interaction = Interaction(self.world.snowflake(), secrets.token_urlsafe(60), {}, time.time())
        interaction.payload = {
            "id": str(interaction.id),
            "application_id": str(APPLICATION_ID),
            "type": kind,
            "data": content,
            "guild_id": str(GUILD_ID),
            "channel_id": str(CHANNEL_ID),
            "channel": self.world.channel(),
            "guild": {"id": str(GUILD_ID), "locale": "en-US", "features": []},
            "guild_locale": "en-US",
            "locale": "en-US",
            "member": self.world.member(user, moderator),
            "token": interaction.token,
            "version": 1,
            "app_permissions": PERMISSIONS,
            "entitlements": [],
            "context": 0,
            "attachment_size_limit": 10 * 1024 * 1024,
            "authorizing_integration_owners": {"0": str(GUILD_ID)},
        }
        if message is not None:
            interaction.payload["message"] = message
        interaction.payload |= self.world.elsewhere(where, user)
        interaction.payload = {key: value for key, value in interaction.payload.items() if value is not None}
        self.world.interactions[interaction.token] = interaction
        await self.gateway.dispatch("INTERACTION_CREATE", interaction.payload)
        return interaction

    def _resolved(self, options: dict[str, Any]) -> dict[str, Any]:
        things = [value for value in options.values() if isinstance(value, Thing)]
        users = {one.id: self.world.user(int(one.id), f"user{one.id}") for one in things if one.kind == 6}
        members = {key: {**self.world.member(user, False), "user": None} for key, user in users.items()}
        members = {key: {k: v for k, v in member.items() if k != "user"} for key, member in members.items()}
        channels = {one.id: self.world.channel() for one in things if one.kind == 7}
        roles = {one.id: self.world.guild()["roles"][0] for one in things if one.kind == 8}
        files = {one.id: self._attachment(one.id) for one in things if one.kind == 11}
        return {"users": users, "members": members, "channels": channels, "roles": roles, "attachments": files}

    def _attachment(self, key: str) -> dict[str, Any]:
        url = f"http://{self.host}/attachments/{CHANNEL_ID}/{key}/picture.png"
        size = len(self.world.files[int(key)])
        plain = {"id": key, "filename": "picture.png", "size": size, "content_type": "image/png"}
        return {**plain, "url": url, "proxy_url": url}

    @staticmethod
    def _kind(value: object) -> int:
        if isinstance(value, Thing):
            return value.kind
        return 5 if isinstance(value, bool) else 4 if isinstance(value, int) else 10 if isinstance(value, float) else 3

    def upload(self, content: bytes) -> Thing:
        """Put a picture into an option."""
        key = self.world.snowflake()
        self.world.files[key] = content
        return Thing(11, str(key))

    async def until(self, look: Callable[[], T | None], within_s: float = 120.0) -> T:
        """Wait until something can be seen."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            if seen := look():
                return seen
            await asyncio.sleep(0.02)
        raise TimeoutError(f"not seen within {within_s:g} s; shown: {[brief(m) for m in self.world.shown()]}")

    def reply(self, interaction: Interaction) -> dict[str, Any] | None:
        """The reply message, when it stands."""
        key = interaction.original
        return None if key is None or key in self.world.deleted else self.world.messages.get(key)

    def grid(self, interaction: Interaction) -> dict[str, Any] | None:
        """The reply, once it is a grid with its buttons."""
        message = self.reply(interaction)
        return message if message and is_grid(message) else None


def _filled(part: dict[str, Any], values: dict[str, str | list[str]]) -> dict[str, Any]:
    """A modal's row or label with what was entered, as Discord sends it back."""
    if part.get("custom_id") in values:
        value = values[part["custom_id"]]
        key = "value" if isinstance(value, str) else "values"
        return {"type": part["type"], "id": part.get("id", 1), "custom_id": part["custom_id"], key: value}
    if "component" in part:
        return {"type": part["type"], "id": part.get("id", 1), "component": _filled(part["component"], values)}
    inner = [_filled(child, values) for child in part.get("components", [])]
    return {"type": part["type"], "id": part.get("id", 1), "components": inner}


def buttons(message: dict[str, Any]) -> list[dict[str, Any]]:
    """All buttons of a message, in order."""
    return [c for row in message["components"] for c in row.get("components", []) if c["type"] == 2]


def pictures(message: dict[str, Any]) -> list[dict[str, Any]]:
    """What a message shows of files, each with its `id` and `description`, whichever form the message has."""
    shown = [{**holder[key], "description": holder["description"]} for holder, key in media(message["components"])]
    return [*message["attachments"], *shown]


def text(message: dict[str, Any]) -> str:
    """What a message says."""
    said = [part["content"] for part in walk(message["components"]) if part["type"] == TEXT]
    return message["content"] or "\n".join(said)


def is_grid(message: dict[str, Any]) -> bool:
    """Does it have a grid's buttons?"""
    return any(b.get("label") == "U1" for b in buttons(message))


def brief(message: dict[str, Any]) -> str:
    """A message in one line, for failures."""
    labels = [b.get("label") or (b.get("emoji") or {}).get("name") for b in buttons(message)]
    return f"{text(message)[:120]!r} files={len(pictures(message))} buttons={labels} flags={message['flags']}"


@asynccontextmanager
async def running(limited: bool = True) -> AsyncIterator[Discord]:
    """The server on a free port of the loopback address."""
    world, faults, limits = World(), Faults(), Limits()
    app = web.Application(
        client_max_size=64 * 1024 * 1024,
        middlewares=[faults.middleware, *((limits.middleware,) if limited else ()), refusals],
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    rest, gateway = Rest(world, ""), Gateway(world, "")
    app.add_routes([*rest.routes(), web.get("/gateway", gateway.serve), web.get("/gateway/", gateway.serve)])
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host = f"127.0.0.1:{runner.addresses[0][1]}"
    rest.host = gateway.host = host
    try:
        yield Discord(world, gateway, faults, limits, host)
    finally:
        await gateway.drop()
        await runner.cleanup()
