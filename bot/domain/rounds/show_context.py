"""What a show is led with, as moderators set it up and as time moves it on."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.rounds.ports import EntryStore, RoundStore
from bot.domain.rounds.round_service import RoundService
from bot.domain.rounds.show_picker import ShowPicker
from bot.domain.rounds.show_ports import ShowAnnouncer, ShowStore


@dataclass(frozen=True, slots=True)
class ShowContext:
    """Stores and services that `Shows` and `Showing` share."""

    rounds: RoundService
    store: RoundStore
    entries: EntryStore
    shows: ShowStore
    announcer: ShowAnnouncer
    picker: ShowPicker
