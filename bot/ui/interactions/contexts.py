"""Where a command may be used and how the app may be installed for it."""

from __future__ import annotations

from typing import TypeVar

from discord import app_commands

CommandT = TypeVar("CommandT")


def everywhere(command: CommandT) -> CommandT:
    """In servers, direct messages and group chats, installed to a server or by a person."""
    command = app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)(command)
    return app_commands.allowed_installs(guilds=True, users=True)(command)


def servers_only(command: CommandT) -> CommandT:
    """In servers the bot was added to."""
    command = app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)(command)
    return app_commands.allowed_installs(guilds=True, users=False)(command)
