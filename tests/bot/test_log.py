"""What a host reads at the start is about their bot."""

from __future__ import annotations

import subprocess
import sys

START = """
import asyncio, discord
from bot.log import configure
from bot.store.database import Database
configure({level!r}, "text")
async def start():
    await (await Database.open("sqlite+aiosqlite:///new.sqlite3")).close()
    discord.Client(intents=discord.Intents.default())
asyncio.run(start())
"""


def start(level: str, folder) -> str:
    """What a start writes; the libraries read their log settings once in a process."""
    command = [sys.executable, "-c", START.format(level=level)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stderr


def test_libraries_say_nothing_at_a_start(tmp_path):
    assert start("info", tmp_path) == ""


def test_at_debug_the_migrations_are_told(tmp_path):
    said = start("debug", tmp_path)
    assert "alembic" in said and "voice" not in said
