"""A model's hash: sha256 over its indexes and weights. Hashes of large files are cached by size and time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from engine.model_files import atomic_file
from engine.model_files.folder_check import files_below

_BLOCK = 1 << 20
_INDEX = re.compile(r"[^/]*model_index\.json")
_LARGE = 64 << 20
"""From this size on a file's hash is remembered: below, hashing takes no time."""

_Known = dict[str, tuple[int, int, str]]
"""Path -> (bytes, time of change in ns, sha256)."""


@dataclass
class FileHashes:
    """Hashes of files, those of large ones kept in `memory` until they change."""

    memory: Path
    _known: _Known = field(default_factory=dict[str, tuple[int, int, str]])

    def __post_init__(self) -> None:
        with contextlib.suppress(OSError, ValidationError):  # missing or damaged: it only saves time
            self._known = TypeAdapter(_Known).validate_json(self.memory.read_bytes())

    def of_model(self, paths: Sequence[Path]) -> str:
        """Ten hex digits over all the folders and files that make up a model."""
        total = hashlib.sha256()
        for path in paths:
            for name, file in _parts(path):
                total.update(f"{name}\0{self.of(file)}\0".encode())
        return total.hexdigest()[:10]

    def of(self, file: Path) -> str:
        """The file's sha256 in hex; a link into a hub cache has it for a name, checked by the download."""
        blob = file.resolve()
        if blob.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", blob.name):
            return blob.name
        facts = file.stat()
        if facts.st_size < _LARGE:
            return bytes_sha256(file)
        size, changed, sha256 = self._known.get(str(blob), (0, 0, ""))
        if (size, changed) != (facts.st_size, facts.st_mtime_ns):
            sha256 = bytes_sha256(file)
            self._remember(str(blob), (facts.st_size, facts.st_mtime_ns, sha256))
        return sha256

    def _remember(self, path: str, facts: tuple[int, int, str]) -> None:
        self._known[path] = facts
        with contextlib.suppress(OSError):  # a folder that cannot be written to costs the time again
            atomic_file.replace(self.memory, json.dumps(self._known, indent=1, sort_keys=True).encode())


def _parts(path: Path) -> list[tuple[str, Path]]:
    if path.is_file():
        return [(path.name, path)]
    every = [(file.relative_to(path).as_posix(), file) for file in files_below(path)]
    counted = [(name, file) for name, file in every if file.suffix == ".safetensors" or _INDEX.fullmatch(name)]
    return [(name, file) for name, file in counted if file.is_file()]  # a link to nothing is nothing


def bytes_sha256(path: Path) -> str:
    """The sha256 in hex of what the file holds now."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
