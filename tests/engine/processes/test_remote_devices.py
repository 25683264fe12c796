"""Workers on other machines: a real Ray, its machines killed and frozen under load, and nobody loses a pixel."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bot.operation.checks import Finding, run_all
from bot.settings import Settings
from engine import ClusterRefused, ClusterSettings, Engine, EngineSettings, Finished, ImageRequest, Progress
from engine.cluster.remote_worker import fingerprint
from engine.processes.child_environment import worker_environment
from engine.processes.remote_devices import describe, driver_environment, has_ray
from tests.engine.ray_cluster import OFFER, RayCluster, free_port, ray_cluster, thaw
from tests.patience import PATIENCE_S, until

real_ray = [
    pytest.mark.cluster,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not has_ray(), reason="needs the extra `cluster`: pip install ray"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster(nodes=2) as running:
        yield running


@pytest.fixture(scope="module")
def settings(family_folder: Callable[[str], Path]) -> EngineSettings:
    return EngineSettings(
        devices=("cpu",),
        threads=1,
        default_model=str(family_folder("stable-diffusion")),
        deterministic=True,
        safety=False,
        stall_timeout_s=3.0,
        max_attempts=10,
    )


def remote(settings: EngineSettings, cluster: RayCluster, workers: int = 2, **more: object) -> EngineSettings:
    there = ClusterSettings(address=cluster.address, workers=workers, gpus=0, resources=(OFFER,))
    return settings.model_copy(update={"devices": (), "cluster": there, **more})


@pytest.fixture
async def engine(
    settings: EngineSettings, cluster: RayCluster, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Engine]:
    """One worker on each node, and none here."""
    enter(cluster, monkeypatch)
    for name in ("node0", "node1"):
        if name not in cluster.machines:
            cluster.start_node(name)
    async with Engine(remote(settings, cluster)) as running:
        await until(lambda: all(device.state == "ready" for device in running.snapshot().devices))
        yield running
    await until(lambda: not leftovers(cluster))


def enter(cluster: RayCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)


def leftovers(cluster: RayCluster) -> list[psutil.Process]:
    """Drivers, actors and workers: what may not outlive an engine."""
    return [found for found in cluster.everything() if is_ours(found)]


def is_ours(process: psutil.Process) -> bool:
    try:
        return any("engine.processes.child_main" in word or "RemoteWorker" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False


async def draw(engine: Engine, seed: int, began: asyncio.Event | None = None) -> list[bytes]:
    """The files of a request's pictures, heard of in order and finished exactly once."""
    asked = ImageRequest(prompt="a red apple", seed=seed, num_inference_steps=200, member=str(seed))
    steps: list[int] = []
    results: list[Finished] = []
    async for event in engine.submit(asked):
        if isinstance(event, Progress):
            steps.append(event.step)
            if began:
                began.set()
        elif isinstance(event, Finished):
            results.append(event)
    assert steps == sorted(steps)
    [result] = results
    return [image.png for image in result.images]


@pytest.fixture(scope="module")
def undisturbed(settings: EngineSettings) -> dict[int, list[bytes]]:
    """What this machine draws without any cluster, by seed."""

    async def drawn() -> dict[int, list[bytes]]:
        async with Engine(settings) as engine:
            return {seed: await draw(engine, seed) for seed in (1, 2)}

    return asyncio.run(drawn())


async def disturbed(engine: Engine, strike: Callable[[], object]) -> dict[int, list[bytes]]:
    """Both requests at once, one on each worker, struck when both are under way."""
    began = {seed: asyncio.Event() for seed in (1, 2)}
    drawing = {seed: asyncio.create_task(draw(engine, seed, began[seed])) for seed in began}
    await asyncio.gather(*(event.wait() for event in began.values()))
    strike()
    return {seed: await task for seed, task in drawing.items()}


class TestWithRay:
    pytestmark = real_ray

    async def test_the_same_seed_gives_the_same_bytes_there_as_here(
        self, engine: Engine, undisturbed: dict[int, list[bytes]], cluster: RayCluster
    ) -> None:
        assert await disturbed(engine, lambda: None) == undisturbed
        assert [len(cluster.workers(name)) for name in ("node0", "node1")] == [1, 1]
        assert cluster.workers("head") == []

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
    @pytest.mark.parametrize("who", ["worker", "actor", "driver", "node"])
    async def test_every_failure_leaves_each_request_done_once_bit_equal(
        self,
        engine: Engine,
        undisturbed: dict[int, list[bytes]],
        cluster: RayCluster,
        who: str,
        how: signal.Signals,
    ) -> None:
        [worker] = cluster.workers("node0")
        workers = [worker, *cluster.workers("node1")]
        struck = {
            "worker": lambda: [worker],
            "actor": lambda: [worker.parent()],
            "driver": lambda: [psutil.Process(engine.snapshot().devices[0].pid)],
            "node": lambda: cluster.processes("node0"),
        }[who]()
        try:
            assert await disturbed(engine, lambda: signal_all(struck, how)) == undisturbed
        finally:
            thaw(struck)
            if who == "node":
                cluster.kill("node0")
        await until(lambda: not all(found.is_running() for found in workers))

    async def test_a_worker_of_a_silent_driver_frees_its_device(
        self, settings: EngineSettings, cluster: RayCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enter(cluster, monkeypatch)
        async with Engine(remote(settings, cluster, workers=1, stall_timeout_s=600.0)) as engine:
            await until(lambda: engine.snapshot().devices[0].state == "ready")
            driver = psutil.Process(engine.snapshot().devices[0].pid)
            driver.suspend()
            await until(lambda: leftovers(cluster) == [driver])

    async def test_without_its_head_requests_finish_and_a_new_one_is_found(
        self, settings: EngineSettings, undisturbed: dict[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ray_cluster(nodes=1) as cluster:
            enter(cluster, monkeypatch)
            async with Engine(remote(settings, cluster, workers=1, devices=("cpu",))) as engine:
                await until(lambda: all(device.state == "ready" for device in engine.snapshot().devices))
                [orphan] = cluster.workers("node0")
                assert await disturbed(engine, lambda: cluster.kill("head")) == undisturbed
                await until(lambda: not orphan.is_running())
                cluster.kill("node0")
                cluster.start_head()
                cluster.start_node("node0")
                await until(lambda: engine.snapshot().devices[1].state == "ready", 2 * PATIENCE_S)
                assert await disturbed(engine, lambda: None) == undisturbed
            await until(lambda: not leftovers(cluster))

    async def test_the_check_tells_what_is_there_and_what_is_wrong(
        self, settings: EngineSettings, cluster: RayCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enter(cluster, monkeypatch)
        assert "3 nodes, 0 GPUs" in await describe(remote(settings, cluster))
        (wrong := cluster.folder / "wrong").write_text("0" * 64)
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(wrong))
        with pytest.raises(ClusterRefused, match="with one token"):
            await describe(remote(settings, cluster))


def signal_all(processes: list[psutil.Process], how: signal.Signals) -> None:
    for process in processes:
        process.send_signal(how)


AWAY = ClusterSettings(address=f"127.0.0.1:{free_port()}")


@pytest.fixture
def configured(settings: EngineSettings) -> EngineSettings:
    return settings.model_copy(update={"cluster": AWAY})


async def test_without_ray_the_engine_says_what_to_install(
    configured: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.processes.remote_devices.has_ray", lambda: False)
    with pytest.raises(ClusterRefused, match=r"pip install -c constraints.txt '\.\[cluster\]'"):
        await Engine(configured).start()


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """`darkroom check` without trying models, which takes a process with torch, and says nothing of clusters."""

    async def nothing(*_: object) -> tuple[()]:
        return ()

    monkeypatch.setattr("bot.operation.checks.try_out", nothing)


@pytest.mark.usefixtures("untried")
async def test_an_open_cluster_is_refused_before_it_is_spoken_to(
    configured: EngineSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("engine.processes.remote_devices.has_ray", lambda: True)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(ClusterRefused, match="set RAY_AUTH_MODE=token here and on every node"):
        await Engine(configured).start()
    found = {finding.name: finding for finding in await run_all(Settings(data_dir=tmp_path, engine=configured))}
    assert "RAY_AUTH_MODE=token" in found["cluster"].remedy


@pytest.mark.usefixtures("untried")
async def test_without_a_cluster_the_check_is_content(tmp_path: Path) -> None:
    found = {finding.name: finding for finding in await run_all(Settings(data_dir=tmp_path))}
    assert found["cluster"] == Finding("cluster", "none: all workers run on this machine")


def test_the_token_goes_to_the_driver_and_no_further(configured: EngineSettings) -> None:
    here = {"RAY_AUTH_TOKEN": "s3cret", "RAY_AUTH_MODE": "token", "DISCORD_TOKEN": "s3cret", "HF_TOKEN": "s3cret"}
    driver = driver_environment(configured, "ray:0", here)
    assert driver["RAY_AUTH_TOKEN"] == "s3cret"
    assert [name for name, value in driver.items() if value == "s3cret"] == ["RAY_AUTH_TOKEN"]
    assert "s3cret" not in worker_environment(configured, "cpu", here).values()


def test_another_operation_or_preset_is_another_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cluster.remote_worker.__file__", str(tmp_path / "cluster" / "remote_worker.py"))
    (tmp_path / "operations").mkdir()
    seen = {fingerprint()}
    for part in ("worker.py", "operations/drawing.py", "presets.toml"):
        (tmp_path / part).write_text("")
        seen.add(fingerprint())
    assert len(seen) == 4
