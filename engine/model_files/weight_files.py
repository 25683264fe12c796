"""Chooses the safetensors files of a component, of one variant ("fp16"). Torch-free."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_STEM = "diffusion_pytorch_model|model"
_FILE = re.compile(rf"({_STEM})(?:\.([\w.-]+?))?(?:-\d{{5}}-of-\d{{5}})?(?:\.([\w-]+))?\.safetensors")
_INDEX = re.compile(rf"({_STEM})\.safetensors\.index(?:\.([\w.-]+))?\.json")
_SHARD = re.compile(r"-\d{5}-of-\d{5}")
_STEM_OF_LIBRARY = {"diffusers": "diffusion_pytorch_model", "transformers": "model"}
"""How each library calls the weights it reads; classes of others are of either kind."""
_FAVOURED = ("", "fp32", "fp16", "bf16")


@dataclass(frozen=True, slots=True)
class Weights:
    """One variant of a component's weights, as file names."""

    stem: str
    variant: str
    """"" means the plain ones."""
    files: tuple[str, ...]
    index: str | None = None
    """Says which tensor is in which shard."""
    has_spare_index: bool = False
    """Whether an index lies beside a whole file; diffusers would follow it, wherever it points."""

    @property
    def is_sharded(self) -> bool:
        """Whether an index has to name the files."""
        return any(_SHARD.search(file) for file in self.files)

    def plain_names(self) -> Mapping[str, str]:
        """File name -> what a library that knows of no variants looks for."""
        if self.is_sharded:  # the index names its shards as they are
            index = {self.index: f"{self.stem}.safetensors.index.json"} if self.index else {}
            return {**{file: file for file in self.files}, **index}
        return dict.fromkeys(self.files, f"{self.stem}.safetensors")


def choose_weights(names: Iterable[str], library: str = "", variant: str | None = None) -> Weights | None:
    """Those of the wanted variant where there are any, else the plain ones, else another variant; None without any."""
    stem = _STEM_OF_LIBRARY.get(library)
    found: dict[tuple[str, str], list[str]] = {}
    indexes: dict[tuple[str, str], str] = {}
    for name in sorted(names):
        if match := _INDEX.fullmatch(name):
            indexes[match[1], match[2] or ""] = name
        elif (match := _FILE.fullmatch(name)) and stem in (None, match[1]):
            found.setdefault((match[1], match[2] or match[3] or ""), []).append(name)
    if not found:
        return None
    kind = min(found, key=lambda kind: (kind[1] != variant, _rank(kind[1]), kind))
    whole = [name for name in found[kind] if not _SHARD.search(name)]
    index = indexes.get(kind)
    return Weights(*kind, tuple(whole), None, index is not None) if whole else Weights(*kind, tuple(found[kind]), index)


def _rank(variant: str) -> int:
    return _FAVOURED.index(variant) if variant in _FAVOURED else len(_FAVOURED)
