"""A request's event stream (an async iterator), and the mailbox that feeds it."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from types import TracebackType

from engine.errors import AbortReason, EngineError
from engine.events import Event, Finished, Progress, Queued, Started
from engine.requests import ImageRequest

_ORDER = (Queued, Started, Progress, Finished)


class Mailbox:
    """The newest event of each kind, in the order of a request's life: a slow reader costs no memory."""

    def __init__(self) -> None:
        self._events: dict[type[Event], Event] = {}
        self._error: EngineError | None = None
        self._wake = asyncio.Event()
        self._closed = False

    def post(self, event: Event) -> None:
        """Add an event in place of the unread one of its kind; after `Finished` nothing is added."""
        if self._closed:
            return
        if isinstance(event, Finished):
            self._events.pop(Progress, None)
            self._closed = True
        self._events[type(event)] = self._with_unread_preview(event)
        self._wake.set()

    def fail(self, error: EngineError) -> None:
        """End with an error, in place of all unread events."""
        if not self._closed:
            self._error, self._closed = error, True
            self._events.clear()
            self._wake.set()

    def _with_unread_preview(self, event: Event) -> Event:
        """Keep an unread preview when a step without one replaces its event."""
        unread = self._events.get(Progress)
        if isinstance(event, Progress) and isinstance(unread, Progress):
            return replace(event, preview=event.preview or unread.preview)
        return event

    async def take(self) -> Event:
        """The next unread event.

        Raises:
            EngineError: the request failed or was cancelled.
            StopAsyncIteration: `Finished` or the error were taken already.
        """
        while True:
            for kind in _ORDER:
                if kind in self._events:
                    return self._events.pop(kind)
            if self._error:
                error, self._error = self._error, None
                raise error
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()


class RequestStream(AsyncIterator[Event]):
    """`async for event in stream`; leaving early (`break`, cancellation, garbage collection) cancels it."""

    def __init__(
        self,
        request: ImageRequest,
        notes: tuple[str, ...],
        mailbox: Mailbox,
        leave: Callable[[str, AbortReason], None],
        charged_ms: Callable[[], float] = float,
    ) -> None:
        self.request = request
        """The request as it runs: every default filled in, sizes snapped."""
        self.notes = notes
        self._mailbox, self._leave, self._charged_ms = mailbox, leave, charged_ms
        self._abandoned = weakref.finalize(self, _leave_from_anywhere, asyncio.get_running_loop(), leave, request.id)
        self._abandoned.atexit = False

    @property
    def gpu_ms(self) -> float:
        """Device time measured for this request so far, in its present lane."""
        return self._charged_ms()

    def __aiter__(self) -> RequestStream:
        return self

    async def __anext__(self) -> Event:
        try:
            event = await self._mailbox.take()
        except asyncio.CancelledError:
            self.cancel(AbortReason.CLIENT_GONE)
            raise
        except BaseException:
            self._abandoned.detach()
            raise
        if isinstance(event, Finished):
            self._abandoned.detach()
        return event

    def cancel(self, reason: AbortReason = AbortReason.USER_REQUEST) -> None:
        """End the request now: iteration raises `RequestAborted(reason)`. Does nothing for a request that is over."""
        if self._abandoned.detach():
            self._leave(self.request.id, reason)

    async def aclose(self) -> None:
        """Leave: the request is cancelled unless it is over."""
        self.cancel(AbortReason.CLIENT_GONE)

    async def __aenter__(self) -> RequestStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _leave_from_anywhere(
    loop: asyncio.AbstractEventLoop, leave: Callable[[str, AbortReason], None], request_id: str
) -> None:
    """Cancel from a finalizer, which may run on any thread and after the loop was closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(leave, request_id, AbortReason.CLIENT_GONE)
