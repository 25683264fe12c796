"""Who used how much: the numbers behind `/stats` and fair share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Served:
    """What fair share gave a member: device time in ms, and the weight it counted by (the mean, where it changed)."""

    gpu_ms: float
    weight: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What was drawn in a time, on days of the server's calendar; days without are left out."""

    pictures_by_day: Mapping[date, int]
    gpu_ms_by_day: Mapping[date, float]
    gpu_ms_by_member: Mapping[int, float]
    """Of those who used most, the first one most."""
    gpu_ms_by_model: Mapping[str, float]
    """Of all, the most used one first."""
