"""A LoRA file's tensors, each of which knows the names it goes by in the file, whatever is made of it."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from safetensors import safe_open
from torch.utils._pytree import tree_leaves, tree_map

_open = cast("Callable[..., Any]", safe_open)


class Traced(torch.Tensor):
    """A tensor that knows which of a file's tensors it was made of."""

    sources: frozenset[str]
    read: set[str]

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = super().__torch_function__(func, types, args, kwargs or {})
        origins = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Traced)]
        sources = frozenset[str]().union(*(vars(each).get("sources", ()) for each in origins))
        if func is torch.Tensor.item:
            vars(origins[0])["read"].update(sources)

        def mark(each: Any) -> Any:
            if isinstance(each, Traced):
                each.sources, each.read = sources, vars(origins[0]).get("read", set())
            return each

        return tree_map(mark, made)


def load(path: Path, read: set[str]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """All tensors by name, and diffusers' metadata; the names of those whose number is read are added to `read`."""
    given: dict[str, torch.Tensor] = {}
    with _open(str(path), framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - it is no mapping
            traced = file.get_tensor(name).as_subclass(Traced)
            traced.sources, traced.read = frozenset({name}), read
            given[name] = traced
        told = (file.metadata() or {}).get(LORA_ADAPTER_METADATA_KEY, "{}")
    return given, json.loads(told)
