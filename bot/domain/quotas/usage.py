"""Use of the devices, for `/stats` and fair share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Served:
    """Device time that a member was served, in ms, and their mean fair-share weight."""

    gpu_ms: float
    weight: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Use in a period, by days in the server's time zone; days without use are left out."""

    pictures_by_day: Mapping[date, int]
    gpu_ms_by_day: Mapping[date, float]
    gpu_ms_by_member: Mapping[int, float]
    """By member id, for the members with most use, in descending order."""
    gpu_ms_by_model: Mapping[str, float]
    """By model name, in descending order."""
