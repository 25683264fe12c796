"""What the domain needs from the world, as protocols: the store, the engine and the replies implement them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.domain.ports.engine import EnginePort, Estimates, Stream
from bot.domain.ports.jobs import Jobs
from bot.domain.ports.outbox import Outbox
from bot.domain.ports.pictures import Pictures
from bot.domain.ports.replies import PutOff, Replies, Shown
from bot.domain.ports.rules import Rules

Clock = Callable[[], datetime]
"""Returns the time in UTC."""

__all__ = [
    "Clock",
    "EnginePort",
    "Estimates",
    "Jobs",
    "Outbox",
    "Pictures",
    "PutOff",
    "Replies",
    "Rules",
    "Shown",
    "Stream",
]
