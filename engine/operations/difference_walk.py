"""Editing without inversion: the picture moves by the difference of the denoiser's answers to new and old words.

FlowEdit, Kulikov et al. 2024 (arXiv 2412.08629), written in x0 estimates, so that it runs with every noise scheduler
that `predict_x0` knows: with r = sigma / alpha, the change D of the picture goes from one timestep to the next as
D' = (r' / r) * D + (1 - r' / r) * (x0 by the new words - x0 by the old).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from engine.errors import InvalidRequest
from engine.operations.img2img_from_noise import PictureOrigin
from engine.sampling.step_watch import Settle
from engine.sampling.x0 import NoiseLevel, noise_levels, prediction_of

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
    _pictures: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    """Of shape (2, cells, ...): `_before` and `_changed` are views of it."""
    _before: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    _changed: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    _moves: list[_Move] = field(default_factory=list["_Move"])
    """To each timestep, and past the last one."""

    def begin(self, like: torch.Tensor, noise_scheduler: Any, index: int) -> torch.Tensor:
        """The picture, twice for each cell, with the noise of timestep number `index`.

        Raises `InvalidRequest` where the noise scheduler has no x0 estimates.
        """
        cells = len(like) // 2
        seeds = self.seeds[self._begun : self._begun + cells]
        self._begun += cells
        self._moves = _moves(noise_scheduler)
        picture = self.origin.clean(like[:cells], noise_scheduler).float()
        self._pictures = torch.stack((picture, picture))
        self._before, self._changed = self._pictures
        drawn = torch.stack([_normal(seed, like[0].numel()) for seed in seeds])
        self._noise = torch.cat((drawn, drawn), dim=1).to(like.device)
        return self._sample(index).to(like.dtype)

    def step(self, model_output: torch.Tensor, index: int) -> torch.Tensor:
        """Move the change on, and return the next sample.

        The rows share their noise, so the difference of the samples is the change, and an x0 estimate is linear in
        sample and answer.
        """
        old, new = model_output.float().chunk(2)
        move = self._moves[index]
        if move.lost:
            self._changed.lerp_(self._before, move.lost)
        self._changed.add_(self.origin.inside(new - old), alpha=move.gained)
        return self._sample(index)

    @property
    def shown(self) -> torch.Tensor:
        """The picture as it is changed so far."""
        return self._changed.clone()

    def _sample(self, index: int) -> torch.Tensor:
        move = self._moves[index]
        if not move.noise:
            return self._pictures.flatten(0, 1).clone()
        drawn = self._fresh(index)
        if self.settle is not None:
            _, drawn = self.settle(self._before, drawn)
        clean = self._pictures if move.signal == 1 else move.signal * self._pictures
        return torch.add(clean, drawn, alpha=move.noise).flatten(0, 1)

    def _fresh(self, index: int) -> torch.Tensor:
        """Noise for timestep number `index`: what the two rows share of it cancels out, the rest averages out.

        White noise that is rolled on is as good as new, and drawing it anew would take half the time of a step.
        """
        elements = self._noise.shape[1] // 2
        begin = int(elements * (index * _GOLDEN % 1))
        return self._noise[:, begin : begin + elements].view(self._before.shape)


def _normal(seed: int, elements: int) -> torch.Tensor:
    return torch.randn(elements, generator=torch.Generator("cpu").manual_seed(seed))


class _Move(NamedTuple):
    """From one timestep to the next, whose sample has `signal` of the picture and `noise`."""

    signal: float
    noise: float
    lost: float = 0.0
    """How much of the change goes."""
    gained: float = 0.0
    """How much the difference of the answers adds to it."""


def _moves(noise_scheduler: Any) -> list[_Move]:
    levels, prediction = noise_levels(noise_scheduler), prediction_of(noise_scheduler)
    if not levels or prediction == "trigflow":
        raise InvalidRequest("image", "this model's answers cannot be compared; give a strength")
    moves = [_Move(levels[0].alpha, levels[0].sigma)]
    for before, after in itertools.pairwise((*levels, NoiseLevel(1.0, 0.0))):
        share = (after.sigma / max(after.alpha, 1e-6)) / (max(before.sigma, 1e-9) / max(before.alpha, 1e-6))
        weights = before.x0_weights(prediction)
        lost = round((1 - share) * (1 - before.alpha * weights.sample), 9)  # none, but for the last bits
        moves.append(_Move(after.alpha, after.sigma, lost, (1 - share) * weights.output))
    return moves
