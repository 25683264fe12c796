"""Attention processors of one lane: some pipelines (perturbed attention guidance) replace them while they run.

The modules are shared. A lane's processors are in place only while the lane or one of its own calls runs.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable
from typing import Any

from torch import nn


class AttentionProcessors:
    """The attention processors of shared modules, as one lane sees them."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._holders: list[Any] = [
            part for module in modules for part in module.modules() if hasattr(part, "set_processor")
        ]
        self._own = self._present()

    @contextlib.contextmanager
    def in_force(self) -> Generator[None]:
        """Put the lane's own processors in place for a while."""
        shared = self._present()
        self._put(self._own)
        try:
            yield
        finally:
            self._own = self._present()
            self._put(shared)

    def _present(self) -> list[Any]:
        return [holder.processor for holder in self._holders]

    def _put(self, processors: list[Any]) -> None:
        for holder, processor in zip(self._holders, processors, strict=True):
            if holder.processor is not processor:
                holder.set_processor(processor)
