"""Who used how much: the numbers behind `/stats`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class DayUse:
    """What one member did with one model on one day of the server's calendar."""

    day: date
    member_id: int
    model: str
    jobs: int
    pictures: int
    gpu_ms: float
