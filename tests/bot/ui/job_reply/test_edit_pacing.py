from __future__ import annotations

from bot.ui.job_reply.edit_pacing import SLOWEST_S, ChannelWindow, Pace


def test_the_first_goes_at_once_and_the_next_after_the_interval() -> None:
    pace = Pace(1.2)
    assert pace.wait_s(100.0) == 0.0
    pace.sent(100.0, 100.1)
    assert round(pace.wait_s(100.1), 6) == 1.1


def test_what_is_urgent_respects_refusals_only() -> None:
    pace = Pace(10.0)
    pace.sent(0.0, 0.1)
    assert pace.wait_s(0.1, is_urgent=True) == 0.0 and pace.wait_s(0.1) > 9
    pace.refused(1.0, 30.0)
    assert pace.wait_s(1.0, is_urgent=True) == 30.0


def test_slow_calls_slow_the_cadence_and_fast_ones_quicken_it() -> None:
    pace = Pace(1.0)
    pace.sent(0.0, 4.0)
    assert pace.wait_s(4.0) == 2.0
    for _ in range(20):
        pace.sent(10.0, 10.1)
    assert round(pace.wait_s(10.1), 6) == 0.9


def test_a_refusal_waits_as_told_and_never_grows_unbounded() -> None:
    pace = Pace(1.0)
    pace.refused(0.0, 30.0)
    assert pace.wait_s(0.0) == 30.0
    for _ in range(10):
        pace.refused(0.0, 0.0)
    assert pace.wait_s(0.0) == SLOWEST_S


def test_a_channel_takes_only_so_many_edits_in_a_period() -> None:
    window = ChannelWindow(edits=2, period_s=5.0)
    for now in (0.0, 1.0):
        assert window.wait_s(now) == 0.0
        window.take(now)
    assert window.wait_s(1.0) == 4.0
    assert window.wait_s(5.0) == 0.0
