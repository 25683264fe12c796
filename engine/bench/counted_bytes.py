"""Counts the bytes of living tensors, on any device, also on the meta device, where nothing is computed."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class CountedBytes(TorchDispatchMode):
    """While in force, counts the storages of tensors that operations give, and what was there before if it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: dict[int, int] = {}

    def hold(self, module: torch.nn.Module) -> None:
        """Count a module's weights from now on, as long as they live."""
        for tensor in (*module.parameters(), *module.buffers()):
            self._add(tensor)

    def leave_out(self, module: torch.nn.Module) -> None:
        """Do not count a module's weights, which lie elsewhere, but what is copied from them."""
        for tensor in module.parameters():
            self._known[tensor.untyped_storage()._cdata] = 0  # pyright: ignore[reportPrivateUsage]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(found):
            if isinstance(leaf, torch.Tensor):
                self._add(leaf)
        return found

    def _add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata  # pyright: ignore[reportPrivateUsage]
        if key in self._known:
            return
        self._known[key] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.now -= self._known.pop(key, 0)
