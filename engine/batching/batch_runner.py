"""Runs parked calls: merged into one forward pass where that is proved, and in smaller passes when memory is short.

A parked call is a pure function of its arguments, so after running out of memory the *same* calls run again: in smaller
groups, then row by row, then with a tiled autoencoder.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import torch

from engine.batching.forward import forward, is_out_of_memory
from engine.batching.lanes import ParkedCall, Stage
from engine.batching.merge_proof import MergeProof, Verdict
from engine.batching.merging import join_outputs, merge, split
from engine.batching.module_modes import can_tile, tiled
from engine.batching.row_layout import RowLayout, lay_out
from engine.batching.tensor_digests import Digests
from engine.errors import OutOfMemory

BUCKET = 4
"""Rows of every denoiser pass in deterministic mode, so that results do not depend on other calls."""
TILED = 0
"""The limit below one row: one row at a time, with a tiled autoencoder."""
MOST_LORAS = 4
"""Most different LoRA sets in one pass, the bare model included: each costs small multiplications of its own."""
ADVICE = "ask for a smaller picture or fewer images"


@dataclass(frozen=True, slots=True)
class Batch:
    """The calls of one tick; `layouts` is empty for a single call that runs as it is."""

    calls: tuple[ParkedCall, ...]
    layouts: tuple[RowLayout, ...] = ()
    proof: bool = False
    """Whether these are two calls whose merge is proved in this tick."""

    @property
    def rows(self) -> list[int]:
        """How many rows each call has."""
        return [layout.rows for layout in self.layouts] or [1]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some rows of the call with index `owner`; `may_cut` allows them a pass with rows of other calls."""

    owner: int
    layout: RowLayout
    may_cut: bool


@dataclass
class BatchRunner:
    """Chooses what shares a pass, and runs it. Device thread only."""

    deterministic: bool = False
    free_memory: Callable[[], object] = gc.collect
    digests: Digests = field(default_factory=Digests)
    _limits: WeakKeyDictionary[torch.nn.Module, dict[Hashable, int]] = field(default_factory=WeakKeyDictionary)
    """The most rows of a size that fit into memory, where fewer did than were tried."""

    def __post_init__(self) -> None:
        self.merge_proof = MergeProof(self.digests)

    def lay_out(self, call: ParkedCall) -> RowLayout | None:
        """The call's layout, or None if it runs in a pass of its own."""
        if call.lane.processors or self.merge_proof.is_indivisible(call):
            return None
        if call.laid_out is None:
            call.laid_out = (lay_out(call, self.digests.whole, fixed_shapes=self.deterministic),)
        return call.laid_out[0]

    def choose(self, head: ParkedCall, others: Sequence[ParkedCall], budget: Callable[[RowLayout, int], int]) -> Batch:
        """The head and as many of the others, in order, as may share its pass within the budget of rows.

        `budget(layout, waiting)` gives the most rows for the head's pass while `waiting` rows could share it. It may
        time a sweep of passes, so it is called only where another call fits.
        """
        near = [] if head.lane.alone else [call for call in others if call.module is head.module]
        layout = self.lay_out(head) if near or self._may_not_run_whole(head) else None
        if layout is None:
            return Batch((head,))
        fitting = self._fitting(layout, near)
        chosen, lora_sets = [layout], {head.lane.options.loras}
        room = budget(layout, layout.rows + sum(other.rows for other in fitting)) - layout.rows if fitting else 0
        for other in fitting:
            loras = other.call.lane.options.loras
            if other.rows > room or len(lora_sets | {loras}) > MOST_LORAS:
                continue
            verdict = self.merge_proof.verdict(layout, other)
            if verdict is Verdict.PROVE and len(chosen) == 1:
                return Batch((head, other.call), (layout, other), proof=True)
            if verdict is Verdict.MERGE:
                chosen.append(other)
                lora_sets.add(loras)
                room -= other.rows
        return Batch(tuple(each.call for each in chosen), tuple(chosen))

    def _may_not_run_whole(self, call: ParkedCall) -> bool:
        """Is a call that shares its pass with none padded, or cut because its module ran out of memory before?"""
        return self.deterministic or bool(self._limits.get(call.module))

    def _fitting(self, head: RowLayout, near: Sequence[ParkedCall]) -> list[RowLayout]:
        """The calls of the same module that have the same key as the head, in order."""
        willing = [call for call in near if not call.lane.alone]
        return [other for call in willing if (other := self.lay_out(call)) and other.key == head.key]

    def run(self, batch: Batch) -> list[Any]:
        """The outputs in order; an exception in the place of an output belongs to that call alone."""
        try:
            return self._run_within_memory(batch)
        except OutOfMemory as error:
            return [error] if len(batch.calls) == 1 else self._each_separately(batch)
        except Exception as error:  # noqa: BLE001 - a module's error belongs to the lane that called it
            if len(batch.calls) == 1:
                return [error]
            outputs = self._each_separately(batch)
            if not any(isinstance(output, Exception) for output in outputs):
                self.merge_proof.keep_apart(batch.layouts[0])
            return outputs

    def _each_separately(self, batch: Batch) -> list[Any]:
        layouts = batch.layouts or (None,) * len(batch.calls)
        singles = (
            Batch((call,), (layout,) if layout else ()) for call, layout in zip(batch.calls, layouts, strict=True)
        )
        return [self.run(single)[0] for single in singles]

    def _run_within_memory(self, batch: Batch) -> list[Any]:
        module = batch.calls[0].module
        limits = self._limits.setdefault(module, {})
        size = batch.layouts[0].row_shape if batch.layouts else None
        while True:
            try:
                with tiled(module) if limits.get(size) == TILED else contextlib.nullcontext():
                    return self._attempt(batch, limits.get(size))
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of the except clause: the traceback would keep the failed pass's tensors alive.
            self.free_memory()
            if not batch.layouts and (layout := self.lay_out(batch.calls[0])):
                batch, size = replace(batch, layouts=(layout,)), layout.row_shape
            limits[size] = _less(sum(batch.rows), limits.get(size), can_tile(module))

    def _attempt(self, batch: Batch, limit: int | None) -> list[Any]:
        if not batch.layouts:
            return [forward(batch.calls[0])]
        if self.deterministic and batch.calls[0].stage is Stage.DENOISE:
            return self._in_bucket(batch, min(limit or BUCKET, BUCKET))
        if batch.proof:
            one, other = batch.layouts
            return self.merge_proof.prove(one, other, forward)
        most = sum(batch.rows) if limit is None else max(1, limit)
        return self._in_passes(batch.layouts, most)

    def _in_bucket(self, batch: Batch, bucket: int) -> list[Any]:
        """Run in passes of always `bucket` rows, so that the bits of a row do not depend on other rows."""
        if batch.proof:
            one, other = batch.layouts
            self.merge_proof.prove(one.part(0, 1), other.part(0, 1), forward, bucket)
            if self.merge_proof.verdict(one, other) is not Verdict.MERGE:
                return [self._in_passes([layout], bucket, bucket)[0] for layout in batch.layouts]
        return self._in_passes(batch.layouts, bucket, bucket)

    def _in_passes(self, layouts: Sequence[RowLayout], limit: int, pad_to: int = 0) -> list[Any]:
        """Run all rows in order, at most `limit` to a pass; calls that may not be cut run whole and alone."""
        if not pad_to and sum(layout.rows for layout in layouts) <= limit:
            return _one_pass(layouts)
        outputs: list[list[Any]] = [[] for _ in layouts]
        rows: list[list[int]] = [[] for _ in layouts]
        for group in self._groups(layouts, limit, pad_to):
            may_pad = pad_to if group[0].may_cut else 0
            for piece, output in zip(group, _one_pass([piece.layout for piece in group], may_pad), strict=True):
                outputs[piece.owner].append(output)
                rows[piece.owner].append(piece.layout.rows)
        return [join_outputs(parts, counts) for parts, counts in zip(outputs, rows, strict=True)]

    def _groups(self, layouts: Sequence[RowLayout], limit: int, pad_to: int) -> list[list[_Piece]]:
        groups: list[list[_Piece]] = []
        room = 0
        for owner, layout in enumerate(layouts):
            may_cut = self.may_cut(layout, pad_to=pad_to)
            for part in _parts(layout, limit) if may_cut else [layout]:
                if not may_cut or part.rows > room:
                    groups.append([])
                    room = limit if may_cut else 0
                groups[-1].append(_Piece(owner, part, may_cut))
                room -= part.rows
        return groups

    def may_cut(self, layout: RowLayout, run: Callable[[ParkedCall], Any] = forward, pad_to: int = 0) -> bool:
        """Is it proved that the call's own rows do not depend on one another? `run` makes a missing proof."""
        if self.merge_proof.is_settled(layout):
            return True
        first = layout.part(0, 1)
        for row in range(layout.rows):
            other = layout.part(row, row + 1)
            if self.merge_proof.verdict(first, other) is Verdict.PROVE:
                self.merge_proof.prove(first, other, run, pad_to)
            if self.merge_proof.verdict(first, other) is not Verdict.MERGE:
                return False
        return True


def _one_pass(layouts: Sequence[RowLayout], pad_to: int = 0) -> list[Any]:
    return split(forward(merge(layouts, pad_to)), [layout.rows for layout in layouts], pad_to)


def _parts(layout: RowLayout, limit: int) -> list[RowLayout]:
    if layout.rows <= limit:
        return [layout]
    return [layout.part(start, min(start + limit, layout.rows)) for start in range(0, layout.rows, limit)]


def _less(rows: int, limit: int | None, can_tile: bool) -> int:
    """The next smaller limit: half the rows, then one row tile by tile. Raises `OutOfMemory` when that was it."""
    most = rows if limit is None else min(rows, limit)
    if most > 1:
        return most // 2
    if can_tile and limit != TILED:
        return TILED
    raise OutOfMemory(ADVICE)
