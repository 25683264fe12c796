"""Style pictures that somebody keeps under a name."""

from __future__ import annotations

from bot.domain.model.value import Value


class KeptStyle(Value):
    """The pictures behind a name, as they were when a job was asked for: jobs keep them when the name is gone."""

    owner_id: int
    """Who saved them."""
    pictures: tuple[tuple[str, float], ...]
    """Keys in the picture store, and weights."""
    origins: tuple[str, ...] = ()
    """Jobs whose pictures are among them. The consent of other members who made them counts each time."""


class NamedStyle(Value):
    """A kept style with its name."""

    name: str
    style: KeptStyle
    guild_id: int | None = None
    """The server for whose members it is kept; None: only its owner uses it."""
