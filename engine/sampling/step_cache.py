"""The step cache: denoiser calls whose output can be foretold are answered without a forward pass, row by row.

It lives in the lane, so requests never see each other's outputs, and a row is decided by its own outputs alone: a cell
drawn by itself is the same. In a guided call the half with the negative prompt is foretold as its difference to the
other half, so where guidance hardly changes any more that half is left out (compare the limited guidance interval of
Kynkäänniemi et al. 2024, arXiv 2404.07724, and FasterCache, 2410.19355).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from engine.batching.lanes import ParkedCall, Stage
from engine.batching.row_layout import Role, RowLayout, is_row_list
from engine.sampling.forecasts import Forecasts
from engine.sampling.moment import Moment

TOLERANCES = {"careful": 0.03, "fast": 0.08}
"""The largest error to expect of a forecast, relative to the output; the table in BENCH.md says what comes of it."""

Pass = Callable[[ParkedCall], Any]
"""Runs a call of the lane and returns its output."""


class Rows(Protocol):
    """What is known about the rows of calls."""

    def lay_out(self, call: ParkedCall) -> RowLayout | None:
        """The call's rows; None if they cannot be told apart."""
        ...

    def may_cut(self, layout: RowLayout, run: Pass) -> bool:
        """Is it proved that the rows do not depend on one another? May run passes to find out."""
        ...


class _Opened(NamedTuple):
    """An output as one tensor (rows, ...), and what puts such a tensor into the form that the module returns."""

    values: torch.Tensor
    form: Callable[[torch.Tensor], Any]


@dataclass
class _Series:
    """The calls that a pipeline makes at one place of each step."""

    forecasts: Forecasts
    form: Callable[[torch.Tensor], Any]
    half: int
    """Rows of the guided half; 0 for calls without one. The first half is kept as its difference to the second."""

    def differences(self, outputs: torch.Tensor) -> torch.Tensor:
        """Outputs as they are kept, (rows, ...)."""
        first, second = outputs[: self.half], outputs[len(outputs) - self.half :]
        return torch.cat((first - second, outputs[self.half :])) if self.half else outputs

    def outputs(self, differences: torch.Tensor) -> torch.Tensor:
        """The inverse of `differences`."""
        first, second = differences[: self.half], differences[len(differences) - self.half :]
        return torch.cat((first + second, differences[self.half :])) if self.half else differences

    def needed(self, moment: Moment, tolerance: float) -> list[int]:
        """The rows to compute: those whose forecast is too uncertain, and of a difference both sides."""
        errors = self.forecasts.expected(moment.time)
        rows = {row for row, error in enumerate(errors) if moment.is_last or not error <= tolerance}
        return sorted(rows | {row + self.half for row in rows if row < self.half})

    def learn(self, moment: Moment, outputs: torch.Tensor, computed: list[int]) -> None:
        """Take the computed rows of `outputs` (rows, ...)."""
        guided = outputs[self.half :].flatten(1).float().norm(dim=1)
        norms = torch.cat((guided, guided)) if self.half else guided
        self.forecasts.learn(moment.time, self.differences(outputs), norms, computed)


@dataclass
class StepCache:
    """Stands between a lane's denoiser calls and their passes."""

    tolerance: float
    moment: Callable[[], Moment]
    rows: Rows
    rows_asked: int = 0
    """Rows of all denoiser calls so far."""
    rows_run: int = 0
    """Rows that were computed."""
    _series: dict[Hashable, _Series] = field(default_factory=dict[Hashable, _Series])
    _may_cut: dict[Hashable, bool] = field(default_factory=dict[Hashable, bool])
    _step: int = -1
    _place: int = 0
    """Which call of its step the latest one was; pipelines may make several, one for each prompt."""

    def answer(self, call: ParkedCall, run: Pass) -> Any:
        """The output of a call: of its own pass, of a pass with some of its rows, or of none."""
        layout = self.rows.lay_out(call) if call.stage is Stage.DENOISE else None
        if layout is None:
            return run(call)
        moment = self.moment()
        self._place = self._place + 1 if moment.step == self._step else 0
        self._step = moment.step
        key = (call.module, call.method, self._place)
        self.rows_asked += layout.rows
        series = self._series.get(key)
        if series is None or len(series.forecasts.rows) != layout.rows:
            return self._first(key, layout, run, moment)
        needed = series.needed(moment, self.tolerance)
        if needed and not (len(needed) < layout.rows and self._can_cut(layout, run)):
            needed = list(range(layout.rows))
        output = self._next(series, layout, run, moment, needed)
        return self._first(key, layout, run, moment) if output is None else output

    def _first(self, key: Hashable, layout: RowLayout, run: Pass, moment: Moment) -> Any:
        """Compute all rows, and begin a new series with them."""
        output = run(layout.call)
        self.rows_run += layout.rows
        self._series.pop(key, None)
        if opened := _opened(output, layout.rows):
            half = layout.rows // 2 if _is_guided(layout) else 0
            self._series[key] = _Series(Forecasts.like(opened.values), opened.form, half)
            self._series[key].learn(moment, opened.values, list(range(layout.rows)))
        return output

    def _next(self, series: _Series, layout: RowLayout, run: Pass, moment: Moment, needed: list[int]) -> Any:
        """The output with the needed rows computed and the others foretold; None where the module changes its form."""
        self.rows_run += len(needed)
        is_whole = len(needed) == layout.rows
        output = run(layout.call if is_whole else layout.picked(needed).call) if needed else None
        opened = _opened(output, len(needed)) if needed else None
        if needed and (opened is None or opened.values.shape[1:] != series.forecasts.last.shape[1:]):
            return None
        kept = series.forecasts.at(moment.time)
        if opened:
            outputs = series.outputs(kept)
            outputs[needed] = opened.values
            series.learn(moment, outputs, needed)
            if is_whole:
                return output
            kept[needed] = series.differences(outputs)[needed]
        series.forecasts.tell([row for row in range(layout.rows) if row not in needed])
        outputs = series.outputs(kept)
        return series.form(outputs) if bool(outputs.isfinite().all()) else None

    def _can_cut(self, layout: RowLayout, run: Pass) -> bool:
        if layout.signature not in self._may_cut:
            self._may_cut[layout.signature] = self.rows.may_cut(layout, run)
        return self._may_cut[layout.signature]


def _opened(output: Any, rows: int) -> _Opened | None:
    """The one tensor of an output, (rows, ...); None for an output that holds more than that."""
    leaves, tree = tree_flatten(output, is_leaf=lambda node: is_row_list(node, rows))
    leaf = leaves[0] if len(leaves) == 1 else None
    if isinstance(leaf, torch.Tensor) and leaf.ndim > 1 and leaf.shape[0] == rows and leaf.is_floating_point():
        return _Opened(leaf, functools.partial(_wrapped, tree))
    if isinstance(leaf, list) and len({item.shape for item in leaf}) == 1:
        return _Opened(torch.stack(leaf), functools.partial(_listed, tree))
    return None


def _wrapped(tree: TreeSpec, values: torch.Tensor) -> Any:
    return tree_unflatten([values], tree)


def _listed(tree: TreeSpec, values: torch.Tensor) -> Any:
    return tree_unflatten([list(values)], tree)


def _is_guided(layout: RowLayout) -> bool:
    """Are the samples of the first half those of the second half, as with a negative prompt?"""
    sample, half = layout.leaves[0], layout.rows // 2
    if layout.rows % 2 or layout.roles[0] not in (Role.ROWS, Role.LIST):
        return False
    return all(torch.equal(one, other) for one, other in zip(sample[:half], sample[half:], strict=True))
