"""Where a model lies that a host pointed beside of: a folder above or below it, or a file in it. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

_CACHE = "models--"
"""How huggingface_hub's cache begins the name of a repository's folder."""
_BELOW = ("*", "*/*", "snapshots/*")
_FILES = (".safetensors", ".gguf")
_PART = re.compile(r"-\d{5}-of-\d{5}$")
JOIN = "join the parts into one .safetensors file, or give the model as a diffusers folder"
"""The way out for parts of weights without a diffusers folder around them."""
_LOOKED_AT = 1000
"""Entries of a folder at most: somebody may point to their whole disk."""


def instead_of(folder: Path, indexes: Collection[str]) -> str:
    """The way out for a folder that has none of the `indexes` of a model."""
    if folder.name.startswith(_CACHE) and (folder / "snapshots").is_dir():
        repository = folder.name.removeprefix(_CACHE).replace("--", "/")
        return f'write it as "hf:{repository}": it is a repository in a cache'
    if any((folder.parent / index).is_file() for index in indexes) and (folder / "config.json").is_file():
        return f"point to {folder.parent.name}, of which it is one part"
    if found := next(_below(folder, indexes), None):
        return f"point to {found.relative_to(folder)} in it"
    files = sorted(path.name for path in islice(folder.iterdir(), _LOOKED_AT) if path.suffix in _FILES)
    if files and all(_PART.search(Path(name).stem) for name in files):
        return JOIN
    return f"point to a diffusers folder, or to a file in it: {files[0]}" if files else "point to a diffusers folder"


def around(file: Path, indexes: Collection[str]) -> str:
    """The way out for a part of a model's weights, or the index of the parts: the folder that the model is."""
    found = next((each for each in file.parents[:2] if any((each / index).is_file() for index in indexes)), None)
    return JOIN if found is None else f"point to {found.name}, of which it is one part"


def _below(folder: Path, indexes: Collection[str]) -> Iterator[Path]:
    for pattern in _BELOW:
        for path in islice(folder.glob(pattern), _LOOKED_AT):
            if any((path / index).is_file() for index in indexes):
                yield path
