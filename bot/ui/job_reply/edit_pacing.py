"""Paces previews: the first at once, then as often as Discord takes them."""

from __future__ import annotations

from collections import deque

SLOWEST_S = 15.0
CHANNEL_EDITS = 4
CHANNEL_PERIOD_S = 5.0
"""Discord takes about 5 edits in 5 s in a channel; one is left for results."""


class Pace:
    """The cadence of one reply's previews, learnt from how long edits take and from refusals. Times in seconds."""

    def __init__(self, interval_s: float) -> None:
        self._shortest = self._interval = interval_s
        self._next_at = self._refused_until = 0.0

    def wait_s(self, now: float, *, is_urgent: bool = False) -> float:
        """How long to wait before the next edit; an urgent one only respects refusals."""
        return max(0.0, (self._refused_until if is_urgent else self._next_at) - now)

    def sent(self, started: float, ended: float) -> None:
        """An edit went through. discord.py sleeps inside the call when a limit is reached: slow means too often."""
        self._interval = min(SLOWEST_S, max(self._shortest, (ended - started) * 1.5, self._interval * 0.8))
        self._next_at = started + self._interval

    def refused(self, now: float, retry_after_s: float) -> None:
        """Discord or the network refused: wait that long, and go at half the speed afterwards."""
        self._interval = min(SLOWEST_S, max(self._interval * 2, 1.0))
        self._next_at = self._refused_until = now + max(retry_after_s, self._interval)


class ChannelWindows:
    """Counts the edits that the bot makes itself, without a token: all replies in a channel share one limit."""

    def __init__(self, edits: int = CHANNEL_EDITS, period_s: float = CHANNEL_PERIOD_S) -> None:
        self._edits, self._period_s = edits, period_s
        self._taken: dict[int, deque[float]] = {}
        """By channel the times of its newest edits, in seconds; channels without edits in the period are left out."""

    def wait_s(self, channel_id: int, now: float) -> float:
        """How many seconds until one more edit fits into the channel's limit."""
        taken = self._taken.get(channel_id, ())
        if len(taken) < self._edits:
            return 0.0
        return max(0.0, taken[-self._edits] + self._period_s - now)

    def take(self, channel_id: int, now: float) -> None:
        """Count one edit."""
        oldest = now - self._period_s
        self._taken = {channel: taken for channel, taken in self._taken.items() if taken[-1] > oldest}
        self._taken.setdefault(channel_id, deque(maxlen=self._edits)).append(now)

    def __len__(self) -> int:
        return len(self._taken)
