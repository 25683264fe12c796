"""Which files of a hub repository a model needs: configuration, vocabulary and safetensors, never pickles or code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import ModelLoadFailed
from engine.model_files.diffusers_folder import PICKLES, UNWANTED, components_of
from engine.model_files.weight_files import choose_weights
from engine.model_spec import EVERY, Source

_KEPT = (".json", ".txt", ".model", ".jinja")
_ROOT = re.compile(r"(README\.md|LICENSE[\w.]*|(modular_)?model_index\.json)$")


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
        for component, (library, _) in components_of(index).items():
            if component not in (*UNWANTED, *source.shared):
                chosen += _of_component(model, source, component, library, files)
    return tuple(sorted(chosen, key=lambda file: (file.bytes, file.path)))


def _of_component(
    model: str, source: Source, component: str, library: str, files: Sequence[RemoteFile]
) -> list[RemoteFile]:
    inside = {file.path.removeprefix(component + "/"): file for file in files if file.path.startswith(component + "/")}
    kept = [file for name, file in inside.items() if name.endswith(_KEPT) and ".index." not in name]
    if component in source.weightless or EVERY in source.weightless:
        return kept
    chosen = choose_weights(inside, library, source.variant)
    weights = [inside[name] for name in (*chosen.files, *filter(None, [chosen.index]))] if chosen else []
    if not weights and any(name.endswith(PICKLES) for name in inside):
        raise ModelLoadFailed(model, f"{source.location} has its {component} as a pickle only, which could run code")
    return kept + weights
