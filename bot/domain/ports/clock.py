"""What time it is, for those who must not ask the machine."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, in UTC."""

    def __call__(self) -> datetime:
        """Now."""
        ...
