"""Sizes of known repositories, counted from their configurations; no file need be here. Torch-free."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from engine.memory.elements import Elements
from engine.memory.model_sizes import Activations, ComponentSizes, ModelSizes

FILE = "memory/known_sizes.toml"


def known_sizes(repository: str) -> ModelSizes | None:
    """The sizes of the repository's model; None where they were not counted."""
    found = _every().get(repository)
    return None if found is None else ModelSizes(tuple(_component(*each) for each in found.items()))


@functools.cache
def _every() -> Mapping[str, Any]:
    return tomllib.loads((resources.files("engine") / FILE).read_text("utf-8"))


def _component(name: str, said: Mapping[str, Any]) -> ComponentSizes:
    blocks = tuple(Elements(*each) for count, *each in said["blocks"] for _ in range(count))
    activations = Activations(said["values"], said["edge"], said["tokens"])
    return ComponentSizes(name, said["role"], said["class"], Elements(*said["outside"]), blocks, activations)
