"""The folder of `darkroom imagine`: files are written whole or not at all, and never overwritten."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator
from pathlib import Path

from bot.errors import ConfigError
from bot.folders import writable


class PictureFolder:
    """A writable folder. Every method raises `ConfigError` for `--out` when writing fails."""

    def __init__(self, path: Path) -> None:
        self._path = writable(path, "--out")

    def keep(self, seed: int, png: bytes) -> Path:
        """Save a finished picture as SEED.png, or as SEED-2.png and so on when the name is taken; return its path."""
        names = itertools.chain([f"{seed}.png"], (f"{seed}-{number}.png" for number in itertools.count(2)))
        path = next(path for name in names if not (path := self._path / name).exists())
        with self._explained(), _whole(path):
            path.write_bytes(png)
        return path

    def show(self, seed: int, preview: bytes) -> None:
        """Write the newest preview (WebP)."""
        with self._explained():
            self._preview(seed).write_bytes(preview)

    def clear(self, seed: int) -> None:
        """Delete the preview; a missing file is no error."""
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
