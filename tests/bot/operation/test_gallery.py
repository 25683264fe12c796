"""The gallery's process: started with the bot, started again, ended with it, and told no secret."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp
import psutil
import pytest

from bot.operation import gallery
from bot.settings import GallerySettings, OperationSettings, Settings
from bot.store.gallery.traces import FILE
from tests.bot.gallery.hall import hall
from tests.patience import until


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "bot.gallery" in command_of(each)]


def command_of(process: psutil.Process) -> list[str]:
    """The command line; none of one that has just ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # a zombie, too
        return []


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def answers(port: int) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def until_it_answers(port: int) -> None:
    seen: list[bool] = []
    while not seen:
        await until(lambda: children())
        seen += [True] if await answers(port) else []
        await asyncio.sleep(0.05)


async def test_it_lives_beside_the_bot_and_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a secret")
    monkeypatch.setattr(gallery, "AGAIN_S", 0.0)
    port = free_port()
    settings = Settings(data_dir=tmp_path, operation=OperationSettings(gallery=GallerySettings(port=port)))
    async with hall(tmp_path), gallery.running(settings, gallery.plan_of(settings)):
        await until_it_answers(port)
        [first] = children()
        assert "DISCORD_TOKEN" not in first.environ()
        first.kill()
        await until(lambda: [each.pid for each in children()] not in ([], [first.pid]))
        await until_it_answers(port)
        [second] = children()
    assert not second.is_running() or second.status() == psutil.STATUS_ZOMBIE


async def test_off_means_no_process_and_no_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"left")
    settings = Settings(data_dir=tmp_path)
    async with gallery.running(settings, gallery.plan_of(settings)):
        assert children() == [] and not (tmp_path / FILE).exists()
