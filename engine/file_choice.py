"""Which files of a hub repository a model needs: configuration, vocabulary and safetensors, never pickles or code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import ModelLoadFailed
from engine.folders import PICKLES, UNWANTED, components_of
from engine.model_spec import Source

_KEPT = (".json", ".txt", ".model", ".jinja")
_ROOT = re.compile(r"(README\.md|LICENSE[\w.]*|(modular_)?model_index\.json)$")
_SHARD = r"(-\d{5}-of-\d{5})?"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in a repository; `sha256` is known for large ones."""

    path: str
    bytes: int
    sha256: str | None = None


def choose_files(
    model: str, source: Source, files: Sequence[RemoteFile], index: Mapping[str, Any]
) -> tuple[RemoteFile, ...]:
    """The files to fetch, largest last; raises `ModelLoadFailed` where a part exists as a pickle only."""
    if source.file is not None:
        chosen = [file for file in files if file.path == source.file and file.path.endswith(".safetensors")]
        if not chosen:
            raise ModelLoadFailed(model, f"{source.location} has no safetensors file {source.file}")
    else:
        chosen = [file for file in files if _ROOT.fullmatch(file.path)]
        for component in components_of(index):
            if component not in (*UNWANTED, *source.shared):
                chosen += _of_component(model, source, component, files)
    return tuple(sorted(chosen, key=lambda file: (file.bytes, file.path)))


def _of_component(model: str, source: Source, component: str, files: Sequence[RemoteFile]) -> list[RemoteFile]:
    inside = [file for file in files if file.path.startswith(component + "/")]
    kept = [file for file in inside if file.path.endswith(_KEPT) and not file.path.endswith(".index.json")]
    weights = _weights(inside, source.variant) or _weights(inside, None)
    if not weights and any(file.path.endswith(PICKLES) for file in inside):
        raise ModelLoadFailed(model, f"{source.location} has its {component} as a pickle only, which could run code")
    return kept + weights


def _weights(inside: Sequence[RemoteFile], variant: str | None) -> list[RemoteFile]:
    """The safetensors of a variant with the index of their shards; no variant means names without one."""
    mark = rf"\.{re.escape(variant)}" if variant else ""
    name = re.compile(rf"[\w/-]+{mark}{_SHARD}\.safetensors|[\w/-]+\.safetensors\.index{mark}\.json")
    named = [file for file in inside if name.fullmatch(file.path)]
    return named if any(file.path.endswith(".safetensors") for file in named) else []
