"""The global random state of each lane, for pipelines and modules that draw without a generator.

Some of them call `torch.randn` without one. With one state for all lanes, such numbers would depend on which lanes run;
with its own state a lane draws the numbers that it would draw alone.
"""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

import torch


class RandomState:
    """The global random state of the processor and of the accelerator in use, as one lane has left it."""

    def __init__(self, seed: int = 0) -> None:
        self._sources = _sources()
        self._states = [_seeded(source, seed) for source in self._sources]

    @contextlib.contextmanager
    def in_force(self) -> Generator[None]:
        """Make this the process's random state for a while."""
        outer = [source.get_state() for source in self._sources]
        _restore(self._sources, self._states)
        try:
            yield
        finally:
            self._states = [source.get_state() for source in self._sources]
            _restore(self._sources, outer)


def _sources() -> list[torch.Generator]:
    """The generators that `torch.randn` draws from."""
    is_on_cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
    accelerators: Any = torch.cuda.default_generators if is_on_cuda else ()
    return [torch.default_generator, *accelerators]


def _seeded(source: torch.Generator, seed: int) -> torch.Tensor:
    return torch.Generator(source.device).manual_seed(seed).get_state()


def _restore(sources: list[torch.Generator], states: list[torch.Tensor]) -> None:
    for source, state in zip(sources, states, strict=True):
        source.set_state(state)
