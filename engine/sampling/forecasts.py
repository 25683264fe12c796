"""Forecasts of a denoiser's outputs, row by row: the line through the last two that were computed.

TaylorSeer (arXiv 2503.06923) extrapolates in the number of the step; the clock here is the logarithm of the
signal-to-noise ratio, in which outputs bend less. As in EasyCache (2507.02860) a request measures its own errors: each
computed output is compared with its forecast, so no family needs a calibration.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

LONGEST = 3
"""Most outputs of a row in succession that are foretold."""


@dataclass(slots=True)
class _Row:
    """What is known about one row; times are those of its computed outputs, in the clock of the forecasts."""

    last: float = math.nan
    before: float = math.nan
    bend: float = math.inf
    """Relative error of the latest forecast, over the product of the distances to the two outputs it was made from."""
    foretold: int = 0

    def expected(self, time: float) -> float:
        """The relative error to expect of a forecast for `time`; infinite where none can be made."""
        error = self.bend * abs(time - self.last) * abs(time - self.before)
        return error if self.foretold < LONGEST and math.isfinite(error) and time > self.last else math.inf


@dataclass
class Forecasts:
    """The last two computed outputs of each row of one series of calls. Rows share nothing; device thread only."""

    last: torch.Tensor
    """(rows, ...), in the dtype of the outputs."""
    before: torch.Tensor
    rows: list[_Row] = field(default_factory=list[_Row])

    @classmethod
    def like(cls, outputs: torch.Tensor) -> Forecasts:
        """Forecasts of rows like these, which know nothing yet."""
        return cls(torch.zeros_like(outputs), torch.zeros_like(outputs), [_Row() for _ in outputs])

    def expected(self, time: float) -> list[float]:
        """The relative error to expect of each row's forecast for `time`."""
        return [row.expected(time) for row in self.rows]

    def at(self, time: float) -> torch.Tensor:
        """The forecast of each row, (rows, ...); a row that knows too little repeats its last output."""
        steps = [_ratio(row, time) for row in self.rows]
        ratios = torch.tensor(steps, dtype=torch.float32, device=self.last.device)
        ratios = ratios.reshape(-1, *(1 for _ in self.last.shape[1:]))
        return (self.last + (self.last - self.before) * ratios).to(self.last.dtype)

    def tell(self, rows: Sequence[int]) -> None:
        """Note that the forecasts of these rows stood in for outputs."""
        for row in rows:
            self.rows[row].foretold += 1

    def learn(self, time: float, outputs: torch.Tensor, norms: torch.Tensor, computed: Sequence[int]) -> None:
        """Take the `computed` rows of `outputs` (rows, ...), and measure what their forecasts would have missed.

        `norms` (rows,) are what errors are relative to. A row that is not finite is forgotten, so that it never
        comes back in a forecast.
        """
        misses = (self.at(time) - outputs).flatten(1).float().norm(dim=1) / norms.clamp(min=1e-12)
        figures = torch.stack((misses, outputs.flatten(1).float().norm(dim=1))).tolist()
        for index in computed:
            miss, norm = figures[0][index], figures[1][index]
            if not math.isfinite(norm):
                self.last[index], self.before[index], self.rows[index] = 0, 0, _Row()
                continue
            self._learn_row(index, time, miss)
            self.before[index] = self.last[index]
            self.last[index] = outputs[index]

    def _learn_row(self, index: int, time: float, miss: float) -> None:
        known = self.rows[index]
        distance = (time - known.last) * (time - known.before)
        is_forward = time > known.last
        bend = miss / distance if is_forward and math.isfinite(distance) and distance > 0 else math.inf
        # A step back, or a second call at the same time (Heun), begins a new line.
        self.rows[index] = _Row(time, known.last if is_forward else math.nan, bend)


def _ratio(row: _Row, time: float) -> float:
    ratio = (time - row.last) / (row.last - row.before) if row.last != row.before else math.nan
    return ratio if math.isfinite(ratio) else 0.0
