"""What the little Discord knows: messages, interactions, commands; and what it saw go wrong."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

APPLICATION_ID = 700000000000000001
GUILD_ID = 800000000000000001
CHANNEL_ID = 800000000000000002
OTHER_GUILD_ID = GUILD_ID + (1 << 22)
"""A server of the next shard."""
OTHER_CHANNEL_ID = OTHER_GUILD_ID + 1
ELSEWHERE_ID = 800000000000000090
TOKEN = "NzAwMDAwMDAwMDAwMDAwMDAx.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
ACK_S, TOKEN_S = 3.0, 900.0
PERMISSIONS = str((1 << 46) - 1)
_EPOCH_MS = 1420070400000


@dataclass
class Interaction:
    """One press or command, as Discord remembers it."""

    id: int
    token: str
    payload: dict[str, Any]
    sent_at: float
    acked_after: float | None = None
    callback: dict[str, Any] | None = None
    original: int | None = None
    ephemeral: bool = False
    modal: dict[str, Any] | None = None


@dataclass
class World:
    """All state. Files are kept by attachment id."""

    token_s: float = TOKEN_S
    guilds: tuple[int, ...] = (GUILD_ID,)
    """The servers that the bot is in."""
    shards: int = 1
    """How many shards Discord recommends."""
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    nonces: dict[tuple[int, str | None], dict[str, Any]] = field(default_factory=dict)
    """Messages of the bot by channel and nonce: one that comes again is the same."""
    deleted: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    """Members who have left the server."""
    interactions: dict[str, Interaction] = field(default_factory=dict)
    files: dict[int, bytes] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)
    edits: dict[int, list[float]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    _serial: itertools.count[int] = field(default_factory=itertools.count)

    def snowflake(self) -> int:
        """A fresh id that carries the present time, as Discord's do."""
        return (int(time.time() * 1000) - _EPOCH_MS) << 22 | next(self._serial) & 0xFFF

    def user(self, user_id: int, name: str) -> dict[str, Any]:
        """A user object."""
        return {"id": str(user_id), "username": name, "discriminator": "0", "global_name": name, "avatar": None}

    @property
    def bot_user(self) -> dict[str, Any]:
        """The bot's own user object."""
        return {**self.user(APPLICATION_ID, "Darkroom"), "bot": True}

    def member(self, user: dict[str, Any], moderator: bool) -> dict[str, Any]:
        """A guild member as interactions carry it."""
        permissions = PERMISSIONS if moderator else str(0x400 | 0x800 | 0x8000 | 0x10000 | 0x80000000)
        return {
            "user": user,
            "roles": [],
            "joined_at": "2020-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "flags": 0,
            "permissions": permissions,
            "nick": None,
            "avatar": None,
            "premium_since": None,
        }

    def channel(self, guild_id: int = GUILD_ID) -> dict[str, Any]:
        """The one text channel of a server."""
        return {
            "id": str(CHANNEL_ID if guild_id == GUILD_ID else OTHER_CHANNEL_ID),
            "type": 0,
            "guild_id": str(guild_id),
            "name": "darkroom",
            "position": 0,
            "permission_overwrites": [],
            "nsfw": False,
            "permissions": PERMISSIONS,
            "topic": None,
            "last_message_id": None,
            "rate_limit_per_user": 0,
            "parent_id": None,
            "flags": 0,
        }

    def elsewhere(self, where: str, user: dict[str, Any]) -> dict[str, Any]:
        """What differs in a "direct message", on the "other server", and where a member "carried" the bot to one."""
        if where == "direct message":
            channel = {"id": str(ELSEWHERE_ID), "type": 1, "recipients": [user], "last_message_id": None, "flags": 0}
            absent: dict[str, Any] = dict.fromkeys(("guild_id", "guild", "guild_locale", "member"))
            owners = {"authorizing_integration_owners": {"0": "0"}}
            return {**absent, "user": user, "channel": channel, "channel_id": str(ELSEWHERE_ID), "context": 1, **owners}
        if where == "carried":
            place = {"guild_id": str(ELSEWHERE_ID), "channel_id": str(ELSEWHERE_ID + 1)}
            guild = {"id": str(ELSEWHERE_ID), "locale": "en-US", "features": []}
            channel = {**self.channel(), "id": place["channel_id"], "guild_id": place["guild_id"]}
            owners = {"authorizing_integration_owners": {"1": user["id"]}}
            return {**place, "guild": guild, "channel": channel, **owners}
        if where == "other server":
            place = {"guild_id": str(OTHER_GUILD_ID), "channel_id": str(OTHER_CHANNEL_ID)}
            guild = {"id": str(OTHER_GUILD_ID), "locale": "en-US", "features": []}
            owners = {"authorizing_integration_owners": {"0": str(OTHER_GUILD_ID)}}
            return {**place, "guild": guild, "channel": self.channel(OTHER_GUILD_ID), **owners}
        return {}

    def guild(self, guild_id: int = GUILD_ID) -> dict[str, Any]:
        """A server, as GUILD_CREATE sends it."""
        everyone = {
            "id": str(guild_id),
            "name": "@everyone",
            "permissions": PERMISSIONS,
            "color": 0,
            "hoist": False,
            "position": 0,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }
        return {
            "id": str(guild_id),
            "name": "Test server",
            "owner_id": "1",
            "roles": [everyone],
            "emojis": [],
            "stickers": [],
            "features": [],
            "channels": [self.channel(guild_id)],
            "threads": [],
            "member_count": 3,
            "members": [self.member(self.bot_user, moderator=True)],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
            "large": False,
            "unavailable": False,
            "joined_at": "2020-01-01T00:00:00+00:00",
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "premium_tier": 0,
            "premium_subscription_count": 0,
            "preferred_locale": "en-US",
            "afk_timeout": 300,
            "system_channel_flags": 0,
            "icon": None,
            "splash": None,
            "banner": None,
            "description": None,
            "afk_channel_id": None,
            "system_channel_id": None,
            "rules_channel_id": None,
            "application_id": None,
            "public_updates_channel_id": None,
            "vanity_url_code": None,
            "discovery_splash": None,
            "version": 0,
            "premium_progress_bar_enabled": False,
            "safety_alerts_channel_id": None,
            "incidents_data": None,
        }

    def shown(self) -> list[dict[str, Any]]:
        """Messages that still stand, oldest first."""
        return [message for key, message in sorted(self.messages.items()) if key not in self.deleted]

    def thinking(self) -> list[int]:
        """Messages left in the loading state."""
        return [int(message["id"]) for message in self.shown() if message.get("flags", 0) & 128]


def as_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON with the bare content type Discord sends; discord.py parses no other."""
    plain = {"Content-Type": "application/json", **(headers or {})}
    return web.Response(body=json.dumps(content).encode(), status=status, headers=plain)
