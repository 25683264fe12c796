"""Workers that die, freeze, hang or talk from the past: nobody notices anything but a delay."""

import asyncio
import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from engine import DeviceLost, EngineNotReady, EngineSettings, Finished, Progress, RequestAborted, Started
from engine.processes.child_main import LaunchOptions
from engine.processes.spawning import spawner
from tests.engine import fake_worker_engine
from tests.engine.fake_worker_engine import events_of, finished, request
from tests.patience import PATIENCE_S, until

LONG = {"steps": 2000, "step_s": 0.01}
STALL_S = 2.0
"""Long enough that a busy machine starves no healthy worker for as long, short enough to wait for it."""


@pytest.fixture(autouse=True)
def _importable():
    with fake_worker_engine.importable_by_workers():
        yield


def once(tmp_path: Path, fault: str, **more: object) -> dict[str, object]:
    return {"steps": 4, "fault": fault, "once": str(tmp_path / fault), **more}


@pytest.mark.parametrize("fault", ["crash", "freeze", "stuck"])
async def test_a_worker_failing_mid_step_is_replaced_unnoticed(tmp_path: Path, fault: str) -> None:
    async with fake_worker_engine.engine(step_timeout_s=STALL_S, stall_timeout_s=STALL_S) as engine:
        await finished(engine, request())
        first_pid = engine.snapshot().devices[0].pid
        bystander = asyncio.create_task(finished(engine, request({"steps": 6}, seed=1, member="bystander")))
        events = await events_of(engine, request(once(tmp_path, fault), seed=5))
        assert [type(event) for event in events].count(Started) == 1
        steps = [event.step for event in events if isinstance(event, Progress)]
        assert steps == sorted(set(steps)), "what was shown before the loss is not repeated"
        assert events[-1].images[0].png == b"picture 5"
        assert (await bystander).images[0].png == b"picture 1"
        assert engine.snapshot().devices[0].pid != first_pid
        await until(lambda: not psutil.pid_exists(first_pid))


async def test_a_frozen_worker_is_replaced_within_the_stall_timeout(tmp_path: Path) -> None:
    async with fake_worker_engine.engine(stall_timeout_s=STALL_S) as engine:
        stream = engine.submit(request(LONG))
        async for event in stream:
            if isinstance(event, Started):
                break
        pid = engine.snapshot().devices[0].pid
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: engine.snapshot().devices[0].pid != pid)
        stream.cancel()


async def test_a_frozen_worker_with_a_full_pipe_blocks_no_loop() -> None:
    async with fake_worker_engine.engine(max_lanes=64, max_running_per_member=64) as engine:
        await finished(engine, request())
        pid = engine.snapshot().devices[0].pid
        os.kill(pid, signal.SIGSTOP)
        big = "x" * 5000
        streams = [engine.submit(request({"steps": 1}, negative_prompt=big, member=str(n))) for n in range(60)]
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert engine.snapshot().devices[0].pid == pid, "a hundred turns of the loop before anybody noticed"
        os.kill(pid, signal.SIGKILL)
        results = await asyncio.gather(*(_last(stream) for stream in streams))
        assert all(isinstance(last, Finished) for last in results)


async def test_what_an_older_epoch_says_is_refused() -> None:
    async with fake_worker_engine.engine() as engine:
        result = await finished(engine, request({"steps": 3, "fault": "stale"}, seed=9))
        assert result.images[0].png == b"picture 9"
        assert engine.snapshot().devices[0].refused_messages == 2


async def test_after_max_attempts_the_request_fails_alone() -> None:
    async with fake_worker_engine.engine(max_attempts=2) as engine:
        await finished(engine, request())
        poison = asyncio.create_task(finished(engine, request({"steps": 3, "fault": "crash"})))
        innocent = [asyncio.create_task(finished(engine, request({"steps": 30}, member=str(n)))) for n in range(3)]
        with pytest.raises(DeviceLost) as lost:
            await poison
        assert lost.value.attempts == 2
        assert all(isinstance(result, Finished) for result in await asyncio.gather(*innocent))


async def test_a_device_that_never_starts_is_given_up_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.serving.worker_health.MAX_BACKOFF_S", 0.05)
    async with fake_worker_engine.engine("fake_worker:crash") as engine:
        with pytest.raises(DeviceLost):
            await finished(engine, request())
        with pytest.raises(EngineNotReady) as refused:
            engine.submit(request())
        assert "working device" in str(refused.value)


async def test_a_crash_loop_backs_off() -> None:
    before_s = time.monotonic()
    async with fake_worker_engine.engine("fake_worker:crash") as engine:
        await until(lambda: engine.snapshot().devices[0].failures >= 4)
        assert time.monotonic() - before_s >= 0.5 + 1.0, "the pauses after the second and the third"


async def test_a_device_that_dies_drains_to_the_others() -> None:
    async with fake_worker_engine.engine(devices=("cpu", "cpu:1"), entry="fake_worker:one_dies") as engine:
        await until(lambda: engine.snapshot().devices[1].state == "ready")
        results = await asyncio.gather(*(finished(engine, request(member=str(n), seed=n)) for n in range(6)))
        assert [result.images[0].png for result in results] == [b"picture %d" % n for n in range(6)]


async def test_requests_go_where_their_model_is_warm_or_spread() -> None:
    async with fake_worker_engine.engine(devices=("cpu", "cpu:1"), max_lanes=4) as engine:
        await until(lambda: all(device.models for device in engine.snapshot().devices))
        streams = [engine.submit(request(LONG, member=str(n), model="pocket")) for n in range(4)]
        await until(lambda: len(engine.snapshot().running) == 4)
        assert [len(device.running) for device in engine.snapshot().devices] == [2, 2]
        cold = [engine.submit(request(LONG, member=str(n), model="other")) for n in range(2)]
        await until(lambda: len(engine.snapshot().running) == 6)
        assert sorted(len(device.running) for device in engine.snapshot().devices) == [2, 4]
        for stream in (*streams, *cold):
            stream.cancel()


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from a fork server on Linux only")
async def test_a_lost_fork_server_is_replaced_when_it_is_needed(tmp_path: Path) -> None:
    async with fake_worker_engine.engine() as engine:
        await finished(engine, request())
        worker = psutil.Process(engine.snapshot().devices[0].pid)
        fork_server = worker.parent()
        fork_server.kill()
        await until(lambda: not fork_server.is_running() or fork_server.status() == psutil.STATUS_ZOMBIE)
        await finished(engine, request())
        assert engine.snapshot().devices[0].pid == worker.pid, "the worker itself was not touched"
        await finished(engine, request(once(tmp_path, "crash")))
        assert engine.snapshot().devices[0].pid != worker.pid


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from a fork server on Linux only")
def test_a_worker_can_be_killed_as_soon_as_it_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forked on a busy machine, it may not have run yet."""
    stop = "os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGSTOP))"
    (tmp_path / "stopped_worker.py").write_text(f"import os, signal\n{stop}")
    monkeypatch.syspath_prepend(tmp_path)
    fork_server = spawner(LaunchOptions("stopped_worker:main", EngineSettings(), "cpu"))
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        child = fork_server.spawn(theirs)
    os.killpg(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    fork_server.close()


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from a fork server on Linux only")
@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_frozen_fork_server_keeps_nobody_waiting(fault: signal.Signals) -> None:
    async with fake_worker_engine.engine(stall_timeout_s=STALL_S) as engine:
        await finished(engine, request())
        worker = psutil.Process(engine.snapshot().devices[0].pid)
        fork_server = worker.parent()
        drawing = asyncio.create_task(finished(engine, request({"steps": 100}, seed=5)))
        await until(lambda: engine.snapshot().running)
        fork_server.suspend()
        worker.send_signal(fault)
        assert (await drawing).images[0].png == b"picture 5"


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from a fork server on Linux only")
async def test_imports_that_were_begun_are_taken_over() -> None:
    here, engine = psutil.Process(), fake_worker_engine.engine()
    before = set(here.children())
    with engine.importing():
        (fork_server,) = set(here.children()) - before
        async with engine:
            await finished(engine, request())
            assert psutil.Process(engine.snapshot().devices[0].pid).parent() == fork_server
        assert not fork_server.is_running()
        async with engine:
            await finished(engine, request())


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from a fork server on Linux only")
def test_imports_that_nobody_needs_are_given_up() -> None:
    here, engine = psutil.Process(), fake_worker_engine.engine()
    before = set(here.children())
    with engine.importing():
        (fork_server,) = set(here.children()) - before
    assert not fork_server.is_running()
    with fake_worker_engine.engine(devices=("mps",)).importing():
        assert set(here.children()) == before


async def test_a_machine_without_descriptors_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    engine = fake_worker_engine.engine()
    with monkeypatch.context() as exhausted:
        exhausted.setattr("engine.processes.worker_process.multiprocessing.Pipe", refuse)
        await engine.start()
        await until(lambda: engine.snapshot().devices[0].state == "backing off")
    await finished(engine, request())
    await engine.stop()


async def test_stop_does_not_wait_for_a_worker_that_is_still_starting() -> None:
    engine = fake_worker_engine.engine("sluggish_worker:main")
    await engine.start()
    stream = engine.submit(request())
    await asyncio.sleep(0.5)
    before_s = time.monotonic()
    await engine.stop()
    assert time.monotonic() - before_s < PATIENCE_S
    with pytest.raises(RequestAborted):
        await _last(stream)


@pytest.mark.parametrize("fault", ["crash", "freeze"])
async def test_a_worker_that_cannot_be_forked_is_replaced_all_the_same(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def names(_: EngineSettings) -> tuple[str, ...]:
        return ("an accelerator",)

    monkeypatch.setattr("engine.engine.device_names", names)
    async with fake_worker_engine.engine(stall_timeout_s=STALL_S) as engine:
        await finished(engine, request())
        parent = psutil.Process(engine.snapshot().devices[0].pid).ppid()
        assert parent == os.getpid(), "started by this process itself, not forked from a fork server"
        assert (await finished(engine, request(once(tmp_path, fault), seed=3))).images[0].png == b"picture 3"


async def test_stop_leaves_no_process_even_if_it_is_frozen() -> None:
    engine = fake_worker_engine.engine()
    await engine.start()
    await finished(engine, request())
    pid = engine.snapshot().devices[0].pid
    os.kill(pid, signal.SIGSTOP)
    await engine.stop()
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "raise SystemExit", "loop.stop()"])
def test_no_worker_outlives_its_parent(end: str) -> None:
    script = f"""
        import asyncio, os, psutil
        from tests.engine import fake_worker_engine
        async def main():
            loop = asyncio.get_running_loop()
            engine = fake_worker_engine.engine()
            await engine.start()
            await fake_worker_engine.finished(engine, fake_worker_engine.request())
            stream = engine.submit(fake_worker_engine.request({LONG!r}))
            await anext(stream)
            worker = psutil.Process(engine.snapshot().devices[0].pid)
            print(worker.pid, worker.ppid(), flush=True)
            {end}
            await asyncio.sleep(1)
        with fake_worker_engine.importable_by_workers():
            asyncio.run(main())
    """
    parent = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, check=False, timeout=PATIENCE_S
    )
    worker, fork_server = map(int, parent.stdout.split())
    deadline_s = time.monotonic() + PATIENCE_S
    while lives(worker) or lives(fork_server):
        assert time.monotonic() < deadline_s, "an orphan"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _last(stream: object) -> object:
    return [event async for event in stream][-1]
