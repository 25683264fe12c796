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

from engine.errors import InvalidRequest
from engine.operations.img2img_from_noise import PictureOrigin, noised_to
from engine.sampling.step_watch import Settle
from engine.sampling.x0 import X0Weights, noise_level, x0_weights

_GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it fall far from one another between two whole numbers."""


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
    _noise: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    """Of shape (cells, 2 * elements): each row's noise twice, so that a part of it is the noise rolled on."""
    _picture: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    _change: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    _level: _Level = field(default_factory=lambda: CLEAN)

    def begin(self, like: torch.Tensor, noise_scheduler: Any, index: int) -> torch.Tensor:
        """The picture, twice for each cell, with the noise of timestep number `index`."""
        cells = len(like) // 2
        seeds = self.seeds[self._begun : self._begun + cells]
        self._begun += cells
        self._picture = self.origin.clean(like[:cells], noise_scheduler).float()
        self._change = torch.zeros_like(self._picture)
        self._level = _Level.of(noise_scheduler, index, like.ndim)
        drawn = torch.stack([_normal(seed, like[0].numel()) for seed in seeds])
        self._noise = torch.cat((drawn, drawn), dim=1).to(like.device)
        return self._sample(index).to(like.dtype)

    def step(self, model_output: torch.Tensor, noise_scheduler: Any, index: int) -> torch.Tensor:
        """Move the change on, and return the next sample.

        The rows share their noise, so the difference of the samples is the change, and an x0 estimate is linear in
        sample and answer. Raises `InvalidRequest` where the noise scheduler has no x0 estimates.
        """
        cells, before = len(model_output) // 2, self._level
        self._level = _Level.of(noise_scheduler, index, model_output.ndim)
        share = self._level.ratio / before.ratio
        answers = model_output[cells:].float() - model_output[:cells].float()
        kept = share + (1 - share) * before.signal * before.x0.sample
        moved = (kept * self._change).add_(answers, alpha=(1 - share) * before.x0.output)
        self._change = self.origin.inside(moved)
        return self._sample(index)

    @property
    def shown(self) -> torch.Tensor:
        """The picture as it is changed so far."""
        return self._picture + self._change

    def _sample(self, index: int) -> torch.Tensor:
        signal, noise, cells = self._level.signal, self._level.noise, len(self._picture)
        if not noise:
            return torch.cat((self._picture, self.shown))
        drawn = self._fresh(index)
        if self.settle is not None:
            _, drawn = self.settle(self._picture, drawn)
        sample = self._picture.new_empty((2 * cells, *self._picture.shape[1:]))
        clean = self._picture if signal == 1 else signal * self._picture
        old = torch.add(clean, drawn, alpha=noise, out=sample[:cells])
        torch.add(old, self._change, alpha=signal, out=sample[cells:])
        return sample

    def _fresh(self, index: int) -> torch.Tensor:
        """Noise for timestep number `index`: what the two rows share of it cancels out, the rest averages out.

        White noise that is rolled on is as good as new, and drawing it anew would take half the time of a step.
        """
        elements = self._noise.shape[1] // 2
        begin = int(elements * (index * _GOLDEN % 1))
        return self._noise[:, begin : begin + elements].unflatten(1, self._picture.shape[1:])


def _normal(seed: int, elements: int) -> torch.Tensor:
    return torch.randn(elements, generator=torch.Generator("cpu").manual_seed(seed))


@dataclass(frozen=True, slots=True)
class _Level:
    """How much a sample has of the picture and of noise, and how an x0 estimate comes from it and from an answer."""

    signal: float
    noise: float
    x0: X0Weights

    @property
    def ratio(self) -> float:
        """How much noise there is for one part of the picture."""
        return self.noise / max(self.signal, 1e-6)

    @staticmethod
    def of(noise_scheduler: Any, index: int, dimensions: int) -> _Level:
        """At timestep number `index`, which is that of the next step; past the last one there is no noise."""
        if index >= len(noise_scheduler.timesteps):
            return CLEAN
        timestep = noise_scheduler.timesteps[index]
        known = noise_level(noise_scheduler, timestep)
        weights = x0_weights(noise_scheduler, timestep, known)
        if weights is None:
            raise InvalidRequest("image", "this model's answers cannot be compared; give a strength")
        if known is not None:
            return _Level(known.alpha, known.sigma, weights)
        # Asked with two single numbers, in the words of which every sample is one.
        one = torch.eye(2).view(2, 2, *(1,) * (dimensions - 2))
        signal, noise = noised_to(one[:, :1], one[:, 1:], noise_scheduler, index).flatten().tolist()
        return _Level(signal, noise, weights)


CLEAN = _Level(1.0, 0.0, X0Weights(1.0, 0.0))
"""Past the last timestep."""
