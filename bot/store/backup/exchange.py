"""Exchanging what is there for what was prepared: renames inside one filesystem, written down before the first.

Whatever kills it half way, `make` takes the rest of the steps: afterwards the new is whole, and the old lies aside.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.errors import ConfigError

JOURNAL = "restore.journal"
"""In the data folder, while an exchange is under way."""


class Move(BaseModel):
    """One rename; both ends lie on one filesystem."""

    model_config = ConfigDict(frozen=True)
    source: Path
    target: Path

    @property
    def is_due(self) -> bool:
        """Not made yet. What stands at the target came by this move: nothing is ever moved over something else."""
        return os.path.lexists(self.source) and not os.path.lexists(self.target)

    def make(self) -> None:
        """Rename, and let a power cut not undo it. Raises `OSError`."""
        os.rename(self.source, self.target)  # noqa: PTH104 - a move across filesystems must fail
        for folder in {self.source.parent, self.target.parent}:
            sync_folder(folder)


class Exchange(BaseModel):
    """All the moves of a restore, and what a server's database is to be loaded from after them."""

    model_config = ConfigDict(frozen=True)
    moves: tuple[Move, ...]
    dump: Path | None = None

    def make(self) -> None:
        """Make the moves that were not made yet. Raises `OSError`."""
        for move in self.moves:
            if move.is_due:
                move.make()

    def take_back(self) -> None:
        """Undo those that were made, the last first. Raises `OSError`."""
        for move in reversed([Move(source=move.target, target=move.source) for move in self.moves]):
            if move.is_due:
                move.make()


class Journal:
    """Where an exchange is written down from before its first step until after its last."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / JOURNAL

    def write(self, exchange: Exchange) -> None:
        """It is on the disk, whole, before anything is moved."""
        unfinished = self.path.with_name(f".{self.path.name}.part")
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(exchange.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path)
        sync_folder(self.path.parent)

    def read(self) -> Exchange | None:
        """What is under way, if anything. Raises `ConfigError`."""
        try:
            return Exchange.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise ConfigError("data_dir", f"{self.path} cannot be read; restore again, or ask for help") from error

    def end(self) -> None:
        """Everything is where it belongs."""
        self.path.unlink(missing_ok=True)
        sync_folder(self.path.parent)


def moves(new: Path | None, place: Path, old: Path) -> Sequence[Move]:
    """What takes the place's present content to `old`, where there is any, and `new` to the place."""
    aside = [Move(source=place, target=old)] if os.path.lexists(place) else []
    return aside if new is None else [*aside, Move(source=new, target=place)]


def sync_folder(folder: Path) -> None:
    """Let what was renamed in a folder survive a power cut; where folders cannot be opened, nothing is done."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
