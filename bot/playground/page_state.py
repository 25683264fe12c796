"""The state of one page as last rendered, with the revision at which each part changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PARTS = ("messages", "assets", "directMessages")
"""Parts of which only changes are sent; the other parts are small in every channel."""


@dataclass(frozen=True)
class Drawn:
    """A rendered message: the state it was rendered from, and the references that the page recorded."""

    state: tuple[str, ...]
    value: dict[str, Any]
    notes: Mapping[str, Any]


@dataclass
class PageState:
    """The state of one page."""

    changes: int = -1
    drawn: dict[int, Drawn] = field(default_factory=dict[int, Drawn])
    stamps: dict[str, dict[str, tuple[Any, int]]] = field(default_factory=lambda: {part: {} for part in PARTS})

    def stamp(self, page: Any) -> None:
        """Record the page's revision for each part that changed."""
        for part, before in self.stamps.items():
            self.stamps[part] = {
                key: before[key] if key in before and before[key][0] == value else (value, page.revision)
                for key, value in page.snapshot[part].items()
            }
        self.drawn = {key: one for key, one in self.drawn.items() if str(key) in page.snapshot["messages"]}

    def since(self, revision: int) -> dict[str, dict[str, Any]]:
        """Return what changed after this revision, by part."""
        return {part: {key: one for key, (one, at) in self.stamps[part].items() if at > revision} for part in PARTS}
