"""Editing without inversion: the picture moves by the difference of the denoiser's answers to new and old words.

FlowEdit, Kulikov et al. 2024 (arXiv 2412.08629), written in x0 estimates, so that it runs with every noise scheduler
that `predict_x0` knows: with r = sigma / alpha, the change D of the picture goes from one timestep to the next as
D' = (r' / r) * D + (1 - r' / r) * (x0 by the new words - x0 by the old).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from engine.operations.img2img_from_noise import PictureOrigin, noised_to
from engine.sampling.step_watch import Settle
from engine.sampling.x0 import noise_level


@dataclass
class DifferenceWalk:
    """One row by the old words and one by the new for each cell; see `engine.sampling.step_watch.Walk`."""

    origin: PictureOrigin
    strength: float
    seeds: Sequence[int]
    """Of the cells; a family that draws cell by cell begins anew for each."""
    settle: Settle | None = None
    """What fresh noise passes."""
    _begun: int = 0
    _generators: list[torch.Generator] = field(default_factory=list[torch.Generator])
    _picture: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    _change: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    _level: _Level = field(default_factory=lambda: _Level(1.0, 0.0))

    def begin(self, like: torch.Tensor, noise_scheduler: Any, index: int) -> torch.Tensor:
        """The picture, twice for each cell, with the noise of timestep number `index`."""
        cells = len(like) // 2
        seeds = self.seeds[self._begun : self._begun + cells]
        self._begun += cells
        self._generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        self._picture = self.origin.clean(like[:cells], noise_scheduler).float()
        self._change = torch.zeros_like(self._picture)
        self._level = _Level.of(noise_scheduler, index, like.ndim)
        return self._sample().to(like.dtype)

    def step(self, x0: torch.Tensor, noise_scheduler: Any, index: int) -> torch.Tensor:
        """Move the change on, and return the next sample."""
        cells, before = len(x0) // 2, self._level
        self._level = _Level.of(noise_scheduler, index, x0.ndim)
        share = self._level.ratio / before.ratio
        moved = torch.sub(x0[cells:], x0[:cells]).mul_(1 - share).add_(self._change, alpha=share)
        self._change = self.origin.inside(moved)
        return self._sample()

    @property
    def shown(self) -> torch.Tensor:
        """The picture as it is changed so far."""
        return self._picture + self._change

    def _sample(self) -> torch.Tensor:
        signal, noise, cells = self._level.signal, self._level.noise, len(self._picture)
        if not noise:
            return torch.cat((self._picture, self.shown))
        # Fresh noise for every step: what the two rows share of it cancels out, the rest averages out.
        drawn = torch.empty((2 * cells, *self._picture.shape[1:]))
        for row, generator in enumerate(self._generators):
            drawn[row].normal_(generator=generator)
        if self.settle is not None:
            _, drawn[:cells] = self.settle(self._picture, drawn[:cells])
        sample = drawn.to(self._picture.device)
        old = sample[:cells].mul_(noise).add_(self._picture, alpha=signal)
        torch.add(old, self._change, alpha=signal, out=sample[cells:])
        return sample


@dataclass(frozen=True, slots=True)
class _Level:
    """How much a sample has of the picture, and how much of noise."""

    signal: float
    noise: float

    @property
    def ratio(self) -> float:
        """How much noise there is for one part of the picture."""
        return self.noise / max(self.signal, 1e-6)

    @staticmethod
    def of(noise_scheduler: Any, index: int, dimensions: int) -> _Level:
        """At timestep number `index`, which is that of the next step; past the last one there is no noise."""
        if index >= len(noise_scheduler.timesteps):
            return _Level(1.0, 0.0)
        known = noise_level(noise_scheduler, noise_scheduler.timesteps[index])
        if known is not None:
            return _Level(float(known[0]), float(known[1]))
        # Asked with two single numbers, in the words of which every sample is one.
        one = torch.eye(2).view(2, 2, *(1,) * (dimensions - 2))
        signal, noise = noised_to(one[:, :1], one[:, 1:], noise_scheduler, index).flatten().tolist()
        return _Level(signal, noise)
