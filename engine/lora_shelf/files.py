"""Which LoRA files there are: those of the settings, and those that lie in `engine.loras_dir` at this moment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.settings import EngineSettings, LoRASettings

KIND = ".safetensors"
PICKLED = frozenset({".pt", ".ckpt", ".bin", ".pth"})
MAX_NAME = 100
_DEEPEST = 4
"""Folders within folders that are looked into."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of the folder, and the time of the newest change to it or to what lies beside it, in nanoseconds."""

    name: str
    path: Path
    stamp: tuple[int, int]
    beside: tuple[str, ...]
    """Names of the files that begin with the same name."""
    refusal: str = ""


class LoRAFiles(Mapping[str, LoRASettings]):
    """Name → settings of every LoRA; the folder is read anew whenever a name is asked that the settings do not have."""

    def __init__(self, settings: EngineSettings) -> None:
        self._folder, self._configured = settings.loras_dir, settings.loras

    def __getitem__(self, name: str) -> LoRASettings:
        if name in self._configured:
            return self._configured[name]
        found = next((each for each in self.listed() if each.name == name and not each.refusal), None)
        if found is None:
            raise KeyError(name)
        return LoRASettings(path=found.path)

    def __iter__(self) -> Iterator[str]:
        yield from self._configured
        yield from (each.name for each in self.listed() if not each.refusal)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def listed(self) -> tuple[Listed, ...]:
        """The folder's files by name, without those that the settings name; () where there is no folder."""
        named = {os.path.realpath(each.path) for each in self._configured.values()}
        taken = set(self._configured)
        found: list[Listed] = []
        for path, stamp, beside in sorted(_walk(self._folder)):
            if named and os.path.realpath(path) in named:
                continue
            refusal = refusal_of_name(path)
            refusal = refusal or ("has the name of another LoRA; rename the file" if path.stem in taken else "")
            taken |= set() if refusal else {path.stem}
            found.append(Listed(path.stem, path, stamp, beside, refusal))
        return tuple(found)


def refusal_of_name(path: Path) -> str:
    """Why a file of that name cannot be offered, as the end of a sentence; "" where it can."""
    if path.suffix.lower() in PICKLED:
        return "is a pickled file, which could run code; only .safetensors files are read"
    if path.suffix.lower() != KIND:
        return "is no .safetensors file"
    stem = path.stem
    if stem[:1] in ("", ".") or len(stem) > MAX_NAME or not stem.isprintable() or stem != stem.strip():
        return f"has a name that nobody can type; at most {MAX_NAME} letters, digits and marks"
    return ""


def _walk(folder: Path) -> Iterator[tuple[Path, tuple[int, int], tuple[str, ...]]]:
    root = len(folder.parts)
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = [each for each in folders if not each.startswith(".")] if len(here.parts) - root < _DEEPEST else []
        weights = [name for name in names if name[:1] != "." and Path(name).suffix.lower() in {KIND, *PICKLED}]
        stems = _by_stem(names)
        for name in weights:
            stem = name.rpartition(".")[0]
            beside = tuple(sorted(each for each in stems.get(stem.partition(".")[0], ()) if each.startswith(stem)))
            yield here / name, _stamp(place, beside), beside


def _by_stem(names: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.partition(".")[0], []).append(name)
    return found


def _stamp(folder: str, names: tuple[str, ...]) -> tuple[int, int]:
    """Newest change and bytes of all of them together."""
    newest = total = 0
    for name in names:
        try:
            stat = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118 - hundreds of files, at every look
        except OSError:  # a link to nothing, or gone by now
            continue
        newest, total = max(newest, stat.st_mtime_ns), total + stat.st_size
    return newest, total
