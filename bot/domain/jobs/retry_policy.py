"""How long to wait before a delivery is tried again, and when it is given up. Times in seconds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.model import LONGEST_DELAY
from bot.errors import DeliveryError, DeliveryLater, StoreError

_PASSES = (DeliveryLater, StoreError, TimeoutError)
"""Errors that pass by themselves."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The pause doubles after each failure and is never shorter than Discord asks for; tries are counted."""

    first_s: float = 1.0
    longest_s: float = 300.0
    max_tries: int = 20
    """Tries after an error nobody expected; with the pauses above this is more than an hour."""
    max_later: int = 300
    """Tries after an error that passes by itself, such as a night without Discord or a full disk: about a day."""
    longest_try_s: float = 120.0
    """After this time one try is cut off."""
    grace_s: float = 1.5
    """How long a delivery that is under way may hold up a stop."""
    jitter: Callable[[], float] = random.random

    def tries(self, error: Exception) -> int:
        """How many tries an error is worth; a message that Discord refuses once it always refuses."""
        if isinstance(error, _PASSES):
            return self.max_later
        return 1 if isinstance(error, DeliveryError) else self.max_tries

    def pause_s(self, tries: int, asked_s: float = 0.0) -> float:
        """The pause after failure number `tries` + 1; `asked_s` is what Discord asked for."""
        grown = min(self.longest_s, self.first_s * 2.0 ** min(tries, 30))
        # Half of the pause is random: many replies that failed together shall not come back together.
        return max(min(asked_s, LONGEST_DELAY.total_seconds()), grown * (0.5 + 0.5 * self.jitter()))
