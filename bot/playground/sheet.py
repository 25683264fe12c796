"""One page as it was last drawn: what it holds, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PARTS = ("messages", "assets", "letters")
"""What is sent only where it changed; all else is small, however long the channel is."""


@dataclass(frozen=True)
class Drawn:
    """A message as it was last drawn: from which state, and what the page noted meanwhile."""

    state: tuple[str, ...]
    value: dict[str, Any]
    notes: Mapping[str, Any]


@dataclass
class Sheet:
    """One page as it was last drawn."""

    changes: int = -1
    drawn: dict[int, Drawn] = field(default_factory=dict[int, Drawn])
    stamps: dict[str, dict[str, tuple[Any, int]]] = field(default_factory=lambda: {part: {} for part in PARTS})

    def stamp(self, page: Any) -> None:
        """Note at which revision each part became what it is."""
        for part, before in self.stamps.items():
            self.stamps[part] = {
                key: before[key] if key in before and before[key][0] == value else (value, page.revision)
                for key, value in page.snapshot[part].items()
            }
        self.drawn = {key: one for key, one in self.drawn.items() if str(key) in page.snapshot["messages"]}

    def since(self, revision: int) -> dict[str, dict[str, Any]]:
        """What became what it is after this revision."""
        return {part: {key: one for key, (one, at) in self.stamps[part].items() if at > revision} for part in PARTS}
