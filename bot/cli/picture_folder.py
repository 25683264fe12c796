"""Where `darkroom imagine` puts its pictures: each whole or not at all, and none over another."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator
from pathlib import Path

from bot.errors import ConfigError
from bot.folders import writable


class PictureFolder:
    """A folder that is written to. Raises `ConfigError` naming `--out` where that does not work."""

    def __init__(self, path: Path) -> None:
        self._path = writable(path, "--out")

    def keep(self, seed: int, png: bytes) -> Path:
        """Save a finished picture under its seed, with a number behind it where that name is taken."""
        names = itertools.chain([f"{seed}.png"], (f"{seed}-{number}.png" for number in itertools.count(2)))
        path = next(path for name in names if not (path := self._path / name).exists())
        with self._explained(), _whole(path):
            path.write_bytes(png)
        return path

    def show(self, seed: int, preview: bytes) -> None:
        """Let the newest preview be seen."""
        with self._explained():
            self._preview(seed).write_bytes(preview)

    def clear(self, seed: int) -> None:
        """Take the preview away: there is something better, or nothing more will come."""
        self._preview(seed).unlink(missing_ok=True)

    def _preview(self, seed: int) -> Path:
        return self._path / f"{seed}-preview.webp"

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError("--out", f"{self._path} cannot be written to ({error.strerror})") from error


@contextlib.contextmanager
def _whole(path: Path) -> Generator[None]:
    try:
        yield
    except OSError:
        path.unlink(missing_ok=True)
        raise
