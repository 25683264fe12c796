"""Runs `darkroom run` against another address than discord.com: the one thing that is not as in production."""

from __future__ import annotations

import sys

import discord.gateway
import discord.http
from yarl import URL


def main() -> None:
    """`python -m tests.wire.bot HOST ARGUMENTS…`"""
    host, arguments = sys.argv[1], sys.argv[2:]
    discord.http.Route.BASE = f"http://{host}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = URL(f"ws://{host}/gateway")
    sys.argv = ["darkroom", *arguments]
    from bot.__main__ import main as darkroom

    darkroom()


if __name__ == "__main__":
    main()
