"""When a worker is given up, and when the next one may start."""

import pytest

from engine import EngineSettings
from engine.processes.protocol import Beat
from engine.serving.worker_health import Backoff, WorkerHealth

SETTINGS = EngineSettings(stall_timeout_s=10.0, load_timeout_s=60.0, step_timeout_s=30.0)


def health(beat: Beat, is_up: bool = True, lane_sign_s: float = 0.0) -> WorkerHealth:
    return WorkerHealth(SETTINGS, is_up, beat, lane_sign_s)


@pytest.mark.parametrize(
    ("beat", "is_up", "silence_s", "is_given_up"),
    [
        (Beat("forward", 1.0), True, 9.0, False),
        (Beat("forward", 1.0), True, 11.0, True),
        (Beat("starting", 1.0), False, 11.0, False),
        (Beat("starting", 1.0), False, 61.0, True),
        (Beat("starting", 61.0), False, 0.0, True),
        (Beat("forward", 29.0), True, 0.0, False),
        (Beat("forward", 31.0), True, 0.0, True),
        (Beat("decode", 31.0), True, 0.0, True),
        (Beat("loading sdxl", 31.0), True, 0.0, False),
        (Beat("loading sdxl", 61.0), True, 0.0, True),
        (Beat("idle", 999.0), True, 0.0, False),
    ],
)
def test_limits(beat: Beat, is_up: bool, silence_s: float, is_given_up: bool) -> None:
    assert bool(health(beat, is_up).check(100.0, 100.0 - silence_s, has_lanes=False)) is is_given_up


def test_a_worker_that_idles_though_it_has_requests() -> None:
    idle = health(Beat("idle", 1.0), lane_sign_s=50.0)
    assert idle.check(70.0, 70.0, has_lanes=True) is None
    assert "idle" in (health(Beat("idle", 1.0), lane_sign_s=50.0).check(81.0, 81.0, has_lanes=True) or "")


def test_a_pause_of_the_whole_machine_is_no_silent_worker() -> None:
    worker = health(Beat("forward", 1.0))
    assert worker.check(0.0, 0.0, has_lanes=True) is None
    assert worker.check(100.0, 0.0, has_lanes=True) is None
    times_s = [100.0 + 2.5 * tick for tick in range(1, 8)]
    told = [worker.check(now_s, 0.0, has_lanes=True) for now_s in times_s]
    assert told[:3] == [None] * 3
    assert told[-1] == "no sign of life for 117.5 s", "but only once does it count as an excuse"


def test_crash_loops_wait_longer_each_time_and_work_forgives() -> None:
    backoff = Backoff()
    assert [backoff.lost(was_up=True) for _ in range(4)] == [0.0, 0.5, 1.0, 2.0]
    backoff.worked()
    assert backoff.lost(was_up=True) == 0.0


def test_hopeless_is_what_never_came_up() -> None:
    backoff = Backoff()
    for _ in range(5):
        assert not backoff.is_hopeless
        backoff.lost(was_up=False)
    assert backoff.is_hopeless
    backoff.lost(was_up=True)
    assert not backoff.is_hopeless
