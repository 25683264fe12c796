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


@dataclass
class DifferenceWalk:
    """One row by the old words and one by the new for each cell; see `engine.sampling.step_watch.Walk`."""

    origin: PictureOrigin
    strength: float
    seeds: Sequence[int]
    """Of the cells; a family that draws cell by cell begins anew for each."""
    _begun: int = 0
    _generators: list[torch.Generator] = field(default_factory=list[torch.Generator])
    _picture: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    _change: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    _ratio: float = 1.0

    def begin(self, like: torch.Tensor, noise_scheduler: Any, index: int) -> torch.Tensor:
        """The picture, twice for each cell, with the noise of timestep number `index`."""
        cells = len(like) // 2
        seeds = self.seeds[self._begun : self._begun + cells]
        self._begun += cells
        self._generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        self._picture = self.origin.clean(like[:cells], noise_scheduler).float()
        self._change = torch.zeros_like(self._picture)
        return self._sample(noise_scheduler, index).to(like.dtype)

    def step(self, x0: torch.Tensor, noise_scheduler: Any, index: int) -> torch.Tensor:
        """Move the change on, and return the next sample."""
        cells, before = len(x0) // 2, self._ratio
        is_last = index >= len(noise_scheduler.timesteps)
        share = 0.0 if is_last else _ratio(self._change, noise_scheduler, index) / before
        moved = share * self._change + (1 - share) * (x0[cells:] - x0[:cells])
        self._change = self.origin.keep(moved, torch.zeros_like(moved))
        return self._sample(noise_scheduler, index)

    @property
    def shown(self) -> torch.Tensor:
        """The picture as it is changed so far."""
        return self._picture + self._change

    def _sample(self, noise_scheduler: Any, index: int) -> torch.Tensor:
        one = self._picture[:1]
        # Fresh noise for every step: what the two rows share of it cancels out, the rest averages out.
        drawn = [torch.randn(one.shape, generator=generator) for generator in self._generators]
        noise = torch.cat(drawn).to(one)
        if index < len(noise_scheduler.timesteps):
            self._ratio = _ratio(one, noise_scheduler, index)
        return noised_to(torch.cat((self._picture, self.shown)), torch.cat((noise, noise)), noise_scheduler, index)


def _ratio(like: torch.Tensor, noise_scheduler: Any, index: int) -> float:
    """How much noise there is for one part of the picture, at timestep number `index`."""
    one, none = torch.ones_like(like[:1]), torch.zeros_like(like[:1])
    signal = float(noised_to(one, none, noise_scheduler, index).flatten()[0])
    noise = float(noised_to(none, one, noise_scheduler, index).flatten()[0])
    return noise / max(signal, 1e-6)
