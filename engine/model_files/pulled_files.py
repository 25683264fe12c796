"""Checks the files of a pulled model against their hashes, and deletes unused ones. Torch-free."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.model_files.content_hash import bytes_sha256
from engine.model_files.local_models import find_pulled, home_of, hub_folder, read_lock, write_lock
from engine.model_spec import ModelSpec, Source


@dataclass(frozen=True, slots=True)
class PulledFile:
    """One file as it was pulled, and as it is now."""

    repository: str
    path: str
    at: Path
    bytes: int
    flaw: str = ""
    """What is wrong with it, or "" if nothing is."""


def files_of(spec: ModelSpec, models_dir: Path, check: bool = False) -> tuple[PulledFile, ...]:
    """Everything that was pulled for a model; with `check`, read and compared with its hash (seconds per gigabyte)."""
    lock = read_lock(models_dir)
    found: list[PulledFile] = []
    for source in _repositories(spec):
        pulled = lock.get(source.location, {"revision": "", "files": {}})
        snapshot = _home(source.location, models_dir) / "snapshots" / pulled["revision"]
        for path, facts in pulled["files"].items():
            flaw = _flaw(snapshot / path, facts["bytes"], facts["sha256"]) if check else ""
            found.append(PulledFile(source.location, path, snapshot / path, facts["bytes"], flaw))
    return tuple(found)


def forget(repository: str, models_dir: Path) -> None:
    """Delete what was pulled of a repository; `pull` fetches it again."""
    lock = read_lock(models_dir)
    lock.pop(repository, None)
    write_lock(models_dir, lock)  # first: files without the lock's word are not used, whatever is left of them
    shutil.rmtree(_home(repository, models_dir), ignore_errors=True)


def discard(damaged: Iterable[PulledFile], models_dir: Path) -> None:
    """Delete single files; `pull` fetches these again and no others."""
    damaged = list(damaged)
    lock = read_lock(models_dir)
    write_lock(models_dir, {name: each for name, each in lock.items() if name not in {f.repository for f in damaged}})
    for file in damaged:
        file.at.resolve().unlink(missing_ok=True)
        file.at.unlink(missing_ok=True)


def needed_elsewhere(spec: ModelSpec, others: Iterable[ModelSpec], models_dir: Path) -> dict[str, str]:
    """Repositories of this model that another one that is here needs too -> that one's name."""
    own = {source.location for source in _repositories(spec)}
    return {
        source.location: other.name
        for other in others
        if other.name != spec.name and all(find_pulled(source, models_dir) for source in _repositories(other))
        for source in _repositories(other)
        if source.location in own
    }


def _repositories(spec: ModelSpec) -> list[Source]:
    return [source for source in spec.sources if source.origin == "hub"]


def _home(repository: str, models_dir: Path) -> Path:
    return hub_folder(models_dir) / home_of(repository)


def _flaw(file: Path, size: int, sha256: str | None) -> str:
    if not file.is_file():
        return "is missing"
    if file.stat().st_size != size:
        return f"has {file.stat().st_size} bytes instead of {size}"
    return "has the wrong sha256" if sha256 not in (None, bytes_sha256(file)) else ""
