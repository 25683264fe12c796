"""Where a restore is prepared: beside what it will replace, on the same filesystem, after looking for space there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from bot.errors import BackupUnusable, ConfigError
from bot.folders import PRIVATE

BEFORE_RESTORE = "before-restore-*"
"""How folders are called that keep what was there before a restore."""
_SPARE_BYTES = 16 * 1024**2
_P, _T = ParamSpec("_P"), TypeVar("_T")


@dataclass(frozen=True)
class Aside:
    """A folder beside a target: what is prepared lies in `new`, what was there before comes to lie in it."""

    folder: Path
    made: tuple[Path, ...]
    """It and those above it that were not there, innermost first."""

    @property
    def new(self) -> Path:
        """Where things are prepared."""
        return self.folder / "new"

    @classmethod
    def within(cls, parent: Path, stamp: str) -> Aside:
        """Make it. Raises `ConfigError`."""
        folder = parent / BEFORE_RESTORE.replace("*", stamp)
        made = tuple(each for each in (folder, *folder.parents) if not each.exists())
        aside = cls(folder, made)
        try:
            folder.mkdir(parents=True, mode=PRIVATE)
            aside.new.mkdir(mode=PRIVATE)
        except OSError as error:
            aside.discard()
            raise ConfigError("data_dir", f"{folder} cannot be made ({error.strerror})") from error
        return aside

    def tidy(self) -> None:
        """Nothing is prepared any more."""
        shutil.rmtree(self.new, ignore_errors=True)

    def discard(self) -> None:
        """Take away what was prepared, and the folders that were made for it unless there is something in them."""
        self.tidy()
        with contextlib.suppress(OSError):
            for folder in self.made:
                folder.rmdir()


def refuse_mounts(targets: Iterable[Path]) -> None:
    """Refuse what cannot be renamed. Raises `ConfigError`."""
    for target in targets:
        if target.is_mount():
            raise ConfigError(
                "pictures_url", f"{target} is a mount point, which cannot be exchanged; set it to a folder inside it"
            )


def prove_space(file: str, needs: Iterable[tuple[Path, int]]) -> None:
    """Compare the bytes needed in each folder with what its filesystem has free. Raises `BackupUnusable`."""
    needed, folders = Counter[int](), dict[int, Path]()
    for folder, size_bytes in needs:
        there = next(each for each in (folder, *folder.parents) if each.exists())
        device = there.stat().st_dev
        needed[device] += size_bytes
        folders[device] = there
    for device, size_bytes in needed.items():
        free = shutil.disk_usage(folders[device]).free
        if free < size_bytes + _SPARE_BYTES:
            missing_mb = (size_bytes + _SPARE_BYTES - free) / 1e6
            raise BackupUnusable(file, f"needs {missing_mb:.0f} MB more space in {folders[device]}; free some first")


async def extract(opened: zipfile.ZipFile, names: Mapping[str, Path]) -> None:
    """Put files of an archive to paths of ours; whoever is cancelled is left with nothing that still writes."""
    for name, path in names.items():
        await settled(_extract, opened, name, path)
    await settled(getattr(os, "sync", lambda: None))


def _extract(opened: zipfile.ZipFile, name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    with opened.open(name) as source, path.open("xb") as file:
        shutil.copyfileobj(source, file)


async def settled(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run blocking work in a thread; a cancel waits until it is over, since no thread can be stopped."""
    return await to_its_end(asyncio.to_thread(work, *args, **kwargs))


async def to_its_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Do what may not be cut off; a cancel takes effect when it is over."""
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise
