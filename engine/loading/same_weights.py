"""A module of its own around another one's weights."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn

_Module = TypeVar("_Module", bound=nn.Module)


def module_with_same_weights(module: _Module) -> _Module:
    """A copy that shares every parameter and buffer, so that what is added to one is not in the other."""
    return copy.deepcopy(module, {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())})
