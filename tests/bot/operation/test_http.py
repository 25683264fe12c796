import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from bot.errors import ConfigError, StoreError
from bot.operation.http import Health, Metric, serve
from bot.operation.metrics import Gauges
from bot.store.database import Database
from bot.store.members.statistics import Statistics


async def get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def metrics() -> list[Metric]:
    return [
        Metric("darkroom_queue_jobs", "Requests that wait.", 3, (("lane", "waiting"),)),
        Metric("darkroom_queue_jobs", "Requests that wait.", 1, (("lane", "running"),)),
        Metric("darkroom_storage_free_bytes", "Free space.", 5.5e9),
    ]


@pytest.mark.parametrize(
    ("state", "status", "words"), [(Health(True), 200, "ok"), (Health(False, "no device"), 503, "no device")]
)
async def test_health_says_whether_members_can_be_served(state: Health, status: int, words: str) -> None:
    async def health() -> Health:
        return state

    async with serve(0, health, metrics) as port:
        assert port is not None
        assert await get(port, "/healthz") == (status, words)


async def test_metrics_are_in_prometheus_form() -> None:
    async def health() -> Health:
        return Health(True)

    async with serve(0, health, metrics) as port:
        assert port is not None
        status, text = await get(port, "/metrics")
    assert status == 200
    assert '\ndarkroom_queue_jobs{lane="waiting"} 3.0\n' in text
    assert text.count("# HELP darkroom_queue_jobs ") == 1
    assert "darkroom_storage_free_bytes 5.5e+09" in text


async def test_unset_means_off_and_a_taken_port_is_named() -> None:
    async def health() -> Health:
        return Health(True)

    async with serve(None, health, metrics) as port:
        assert port is None
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"operation.http_port: {number} cannot be used"):
            async with serve(number, health, metrics):
                pass


async def test_an_error_of_what_runs_meanwhile_is_not_the_ports() -> None:
    async def health() -> Health:
        return Health(True)

    with pytest.raises(ConnectionRefusedError):
        async with serve(0, health, metrics):
            raise ConnectionRefusedError


@pytest.mark.parametrize("is_away", [False, True])
async def test_a_database_that_is_away_is_not_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    database = await Database.open(tmp_path / "darkroom.db")
    engine: Any = SimpleNamespace(snapshot=lambda: SimpleNamespace(is_ready=True))
    gauges = Gauges(engine, Statistics(database), tmp_path, lambda: 0.1, database)
    if is_away:

        def refused() -> None:
            raise StoreError("the database failed (ConnectionRefusedError)")

        monkeypatch.setattr(database, "read", refused)
    health = await gauges.health()
    await database.close()
    assert health == (Health(False, "the database does not answer") if is_away else Health(True))
