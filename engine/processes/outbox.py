"""Sends a worker's messages in a thread of its own, so that a full pipe never stops the device. Torch-free."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from dataclasses import replace
from multiprocessing.connection import Connection

from engine.processes.protocol import FromWorker, LaneCharged, LaneProgress


class Outbox:
    """Sends messages in order, together what waits together.

    Of one lane's waiting progress only the latest is sent, of its charges the sum.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: deque[FromWorker] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._send_all, name="outbox", daemon=True)
        self._thread.start()

    def put(self, message: FromWorker) -> None:
        """Queue a message; returns at once, from any thread."""
        with self._changed:
            put_latest(self._waiting, message)
            self._changed.notify()

    def close(self, timeout_s: float = 2.0) -> None:
        """Send the waiting messages for at most `timeout_s` seconds, and end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _send_all(self) -> None:
        with contextlib.suppress(OSError):  # the engine is gone, and so will be this process
            while messages := self._take():
                self._connection.send(messages)

    def _take(self) -> tuple[FromWorker, ...]:
        """All waiting messages, which are one tick's as a rule; () at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            messages = tuple(self._waiting)
            self._waiting.clear()
            return messages


def put_latest(waiting: deque[FromWorker], message: FromWorker) -> None:
    """Append a message in place of an older one that it replaces."""
    if isinstance(message, LaneProgress | LaneCharged):
        for older in waiting:
            if isinstance(older, LaneProgress | LaneCharged) and _is_same_lane(older, message):
                waiting.remove(older)
                message = _sum(older, message)
                break
    waiting.append(message)


def _is_same_lane(older: LaneProgress | LaneCharged, newer: LaneProgress | LaneCharged) -> bool:
    return type(older) is type(newer) and (older.request_id, older.epoch) == (newer.request_id, newer.epoch)


def _sum(older: LaneProgress | LaneCharged, newer: LaneProgress | LaneCharged) -> LaneProgress | LaneCharged:
    if isinstance(newer, LaneCharged) and isinstance(older, LaneCharged):
        return replace(newer, gpu_ms=older.gpu_ms + newer.gpu_ms)
    if isinstance(newer, LaneProgress) and isinstance(older, LaneProgress):
        return replace(newer, preview=newer.preview or older.preview)
    return newer
