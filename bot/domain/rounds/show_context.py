"""`ShowContext`: the stores and services of shows."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.rounds.ports import EntryStore, RoundStore
from bot.domain.rounds.round_service import RoundService
from bot.domain.rounds.show_picker import ShowPicker
from bot.domain.rounds.show_ports import ShowAnnouncer, ShowStore


@dataclass(frozen=True, slots=True)
class ShowContext:
    """What `Shows` (plans) and `Showing` (rounds) both work with."""

    rounds: RoundService
    store: RoundStore
    entries: EntryStore
    shows: ShowStore
    announcer: ShowAnnouncer
    picker: ShowPicker
