"""What a caller hears, however slowly they listen and however often a request begins again."""

from engine import Finished, ImageRequest, Preview, Progress, Queued, RequestAborted, Started
from engine.errors import AbortReason
from engine.serving.request_state import RequestState

FIRST, SECOND = Preview(b"first", 8, 8), Preview(b"second", 8, 8)


def request_state() -> RequestState:
    return RequestState(ImageRequest(prompt="an apple"), ("a note",), arrived_s=0.0)


async def test_an_unread_preview_outlives_the_steps_after_it() -> None:
    one = request_state()
    one.tell_progress(1, 4, FIRST, 0.0)
    one.tell_progress(2, 4, None, 1.0)
    assert await one.mailbox.take() == Progress(2, 4, FIRST, 2.0)
    one.tell_progress(3, 4, None, 2.0)
    assert await one.mailbox.take() == Progress(3, 4, None, 1.0)


async def test_a_preview_that_comes_after_a_later_step_is_shown() -> None:
    one = request_state()
    one.tell_progress(2, 4, None, 0.0)
    await one.mailbox.take()
    one.tell_progress(1, 4, FIRST, 1.0)
    assert await one.mailbox.take() == Progress(2, 4, FIRST)


async def test_what_runs_again_is_not_repeated() -> None:
    one = request_state()
    one.tell_started("cpu")
    one.tell_progress(3, 9, SECOND, 0.0)
    assert [await one.mailbox.take(), await one.mailbox.take()] == [Started("cpu"), Progress(3, 9, SECOND)]
    one.tell_started("cpu")
    one.tell_progress(1, 9, FIRST, 1.0)
    one.tell_progress(3, 9, FIRST, 3.0)
    one.tell_progress(4, 9, None, 4.0)
    told = await one.mailbox.take()
    assert isinstance(told, Progress) and (told.step, told.preview) == (4, None)


async def test_only_a_place_that_changed_is_told_and_none_once_started() -> None:
    one = request_state()
    one.tell_place(Queued(1, 10.0))
    await one.mailbox.take()
    one.tell_place(Queued(1, 10.5))
    one.tell_place(Queued(0, 5.0))
    assert await one.mailbox.take() == Queued(0, 5.0)
    one.tell_started("cpu")
    one.tell_place(Queued(3, 9.0))
    assert await one.mailbox.take() == Started("cpu")


async def test_the_end_replaces_unread_steps_and_comes_last() -> None:
    one = request_state()
    one.tell_progress(1, 4, FIRST, 0.0)
    one.end(Finished((), 5.0, notes=("of the worker",)))
    one.end(RequestAborted(AbortReason.TIMEOUT))
    one.tell_progress(2, 4, None, 0.0)
    assert await one.mailbox.take() == Finished((), 5.0, notes=("a note", "of the worker"))
