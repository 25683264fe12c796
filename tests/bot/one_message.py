"""One message of a simulated channel; `history` makes every message of it anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import discord
import simcord
from simcord.results import to_discord_message


def message_in(env: simcord.Env, channel: Any, message_id: int) -> discord.Message:
    """A message as it is now."""
    return to_discord_message(env, env.backend.messages[channel.id][message_id])


def newest_in(env: simcord.Env, channel: Any, is_meant: Callable[[str], object]) -> discord.Message:
    """The newest message that everybody sees and whose words are meant."""
    held = sorted(env.backend.messages[channel.id].values(), key=lambda message: -message.id)
    meant = (to_discord_message(env, message) for message in held if is_meant(message.content))
    return next(message for message in meant if not message.flags.ephemeral)
