"""The simulated server of the playground: one channel, two members and a moderator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import discord
import simcord

from bot.playground.friends import NAMES
from bot.settings import StyleSettings

WELCOME = (
    "**Welcome to the darkroom.** Type `/imagine` and say what to draw, for example "
    "`a sunflower`. Watch it come out of the noise, then press **U** to get one picture large, "
    "**V** for four variations of it, or 🔄 to draw again.\n"
    "Everything here is real but Discord: the bot, the queue, the quotas and the diffusion model run on this machine. "
    "Switch between members at the top right; *mo* is a moderator and may use `/mod` and `/quota`."
)

STYLES: Mapping[str, StyleSettings] = MappingProxyType(
    {
        "night": StyleSettings(prompt="{prompt} on a black background", description="Out of the dark"),
        "poster": StyleSettings(prompt="{prompt} on a yellow background", description="On bright yellow"),
    }
)
"""Styles for a configuration without any; `pocket` follows backgrounds best."""


@dataclass(frozen=True)
class World:
    """The channel and the members of the simulated server."""

    channel: Any
    members: tuple[Any, ...]
    friends: tuple[Any, ...] = ()
    """Users who join when they are asked to (`bot.playground.friends`)."""


def build(env: simcord.Env) -> World:
    """Create the server. The page opens as the first member."""
    env.backend.bot_user.name = "Darkroom"
    guild = env.create_guild("The Darkroom")
    everyone = env.backend.guilds[guild.id].everyone_role
    trying = discord.Permissions(everyone.permissions) | discord.Permissions(create_expressions=True)
    env.backend.edit_role(guild.id, everyone.id, {"permissions": trying.value})
    channel = guild.create_text_channel("darkroom")
    moderators = guild.create_role(
        "Moderators", permissions=discord.Permissions(manage_guild=True, manage_messages=True)
    )
    ada = guild.add_member(env.create_user("ada"))
    bo = guild.add_member(env.create_user("bo"))
    mo = guild.add_member(env.create_user("mo"), roles=[moderators])
    members = (ada, bo, mo)
    for member in members:
        env.backend.get_dm_channel(member.id)
    # Last: the ids of what was created before stay the same in folders of earlier versions.
    return World(channel, members, tuple(env.create_user(name) for name in NAMES))
