"""Merge proof: calls share a forward pass only in ways that were compared with separate passes before.

A wrong merge gives wrong pictures without an error, and a signature does not say what a module *does* with arguments.
So a merged pass is compared with separate passes, once for each module and signature. A leaf may differ between merged
calls only after a proof in which it differed: position ids of another aspect ratio have the same shape, and some models
use those of the first row for all rows. Calls that a proof has failed for are never merged.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch.utils._pytree import tree_leaves

from engine.batching.lanes import ParkedCall
from engine.batching.merging import is_divisible, merge, split
from engine.batching.row_layout import ROLES_WITH_ROWS, Role, RowLayout
from engine.batching.tensor_digests import Digests, distinct_rows

logger = logging.getLogger(__name__)

# RMS of the difference over RMS of the output, by dtype: far above rounding, far below what mixed-up rows give.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 5e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}

Facet = tuple[int, str]
"""One way in which calls may differ: a leaf's contents, or the shapes of the tensors in a list."""
STRUCTURE: Facet = (-1, "structure")
"""The merge itself, whatever the contents."""
LORAS: Facet = (-1, "LoRAs")
"""Rows with different LoRAs."""


class Verdict(enum.Enum):
    """The result of proofs about merging two calls."""

    MERGE = "proved before"
    PROVE = "not tried yet"
    APART = "disproved"


@dataclass(slots=True)
class _Record:
    """What is known about one signature of one module."""

    proven: set[Facet] = field(default_factory=set[Facet])
    disproven: list[frozenset[Facet]] = field(default_factory=list[frozenset[Facet]])

    def verdict(self, unproven: frozenset[Facet]) -> Verdict:
        if any(not known - self.proven for known in self.disproven):
            return Verdict.APART  # each facet was proved, and together they were wrong
        if not unproven:
            return Verdict.MERGE
        if any(known - self.proven <= unproven for known in self.disproven):
            return Verdict.APART
        return Verdict.PROVE


class MergeProof:
    """All results of proofs so far, by module and signature."""

    def __init__(self, digests: Digests) -> None:
        self._digests = digests
        self._records: WeakKeyDictionary[torch.nn.Module, dict[Hashable, _Record]] = WeakKeyDictionary()
        self._indivisible: WeakKeyDictionary[torch.nn.Module, set[str]] = WeakKeyDictionary()

    def is_indivisible(self, call: ParkedCall) -> bool:
        """Does this method of this module return something that cannot be divided by rows, whatever the arguments?"""
        return call.method in self._indivisible.get(call.module, ())

    def verdict(self, one: RowLayout, other: RowLayout) -> Verdict:
        """May these two calls, which have equal keys, share a forward pass?"""
        record = self._record(one)
        return record.verdict(self._differing(one, other, record))

    def is_settled(self, layout: RowLayout) -> bool:
        """Is every way proved in which the rows of one call can differ?"""
        record = self._record(layout)
        return record.verdict(frozenset(_facets(layout) - {LORAS} - record.proven)) is Verdict.MERGE

    def prove(
        self, one: RowLayout, other: RowLayout, forward: Callable[[ParkedCall], Any], pad_to: int = 0
    ) -> list[Any]:
        """Run two calls separately and merged, record whether the outputs agree, and return the separate outputs.

        Raises what `forward` raises for a separate call.
        """
        facets = self._differing(one, other, self._record(one))
        given = [_copies(each) for each in (one, other)]
        separate = [forward(each.call) for each in (one, other)]
        if any(_differ(_copies(each), before) for each, before in zip((one, other), given, strict=True)):
            logger.warning("%s: calls stay apart, it writes into its arguments", type(one.call.module).__name__)
            self.keep_apart(one)
            return separate
        if not is_divisible(separate[0], one.rows):
            self._indivisible.setdefault(one.call.module, set()).add(one.call.method)
            return separate
        why = self._disproof((one, other), separate, forward, pad_to)
        if why:
            self._record(one).disproven.append(facets)
            logger.warning("%s: calls stay apart, %s", type(one.call.module).__name__, why)
        else:
            self._record(one).proven |= facets
        return separate

    def keep_apart(self, layout: RowLayout) -> None:
        """Never merge calls of this signature again: merged they raise, or they write into their arguments."""
        self._record(layout).disproven.append(frozenset())

    def _disproof(
        self, calls: tuple[RowLayout, ...], separate: list[Any], forward: Callable[[ParkedCall], Any], pad_to: int
    ) -> str:
        counts = [call.rows for call in calls]
        try:
            together = split(forward(merge(calls, pad_to)), counts, pad_to)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a module raises for merged calls disproves the merge
            return f"merged they raise {type(error).__name__}: {error}"
        return next((why for a, b in zip(together, separate, strict=True) if (why := difference(a, b))), "")

    def _record(self, layout: RowLayout) -> _Record:
        return self._records.setdefault(layout.call.module, {}).setdefault(layout.signature, _Record())

    def _differing(self, one: RowLayout, other: RowLayout, record: _Record) -> frozenset[Facet]:
        """The facets that are not proven yet and in which the two calls differ."""
        open_facets = _facets(one) - record.proven
        return frozenset(facet for facet in open_facets if self._differs(facet, one, other))

    def _differs(self, facet: Facet, one: RowLayout, other: RowLayout) -> bool:
        index, kind = facet
        if facet == STRUCTURE:
            return True
        if facet == LORAS:
            return one.call.lane.options.loras != other.call.lane.options.loras
        if kind == "shapes":
            return {item.shape for item in one.leaves[index]} != {item.shape for item in other.leaves[index]}
        return self._rows(one, index) != self._rows(other, index)

    def _rows(self, layout: RowLayout, index: int) -> tuple[bytes, ...]:
        leaf = layout.leaves[index]
        if layout.roles[index] is Role.LIST:
            return tuple(dict.fromkeys(self._digests.whole(item) for item in leaf))
        if layout.roles[index] is Role.NUMBER:
            wide = leaf.cpu().to(torch.complex128 if leaf.is_complex() else torch.float64)
            return distinct_rows(wide.reshape(-1, 1))
        return self._digests.rows(leaf)


def _copies(layout: RowLayout) -> list[torch.Tensor]:
    return [leaf.clone() for leaf in tree_leaves(layout.leaves) if isinstance(leaf, torch.Tensor)]


def _differ(tensors: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return any(
        not torch.equal(one.nan_to_num(), other.nan_to_num()) for one, other in zip(tensors, others, strict=True)
    )


def _facets(layout: RowLayout) -> set[Facet]:
    """All facets in which calls of one signature can differ."""
    contents = {(index, "contents") for index, role in enumerate(layout.roles) if role in ROLES_WITH_ROWS}
    shapes = {(index, "shapes") for index, role in enumerate(layout.roles) if role is Role.LIST}
    return {STRUCTURE, LORAS} | contents | shapes


def difference(one: Any, other: Any) -> str:
    """Why two outputs are not the same up to rounding, or "" if they are."""
    ours, theirs = tree_leaves(one), tree_leaves(other)
    if len(ours) != len(theirs):
        return f"{len(ours)} outputs instead of {len(theirs)}"
    for a, b in zip(ours, theirs, strict=True):
        if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor):
            if type(a) is not type(b):
                return f"a {type(a).__name__} instead of a {type(b).__name__}"
        elif a.shape != b.shape or a.dtype != b.dtype:
            return f"shape {tuple(a.shape)} instead of {tuple(b.shape)}"
        elif (apart := _distance(a, b)) > TOLERANCE.get(a.dtype, 0.0):
            return f"outputs are {apart:.1e} apart"
    return ""


def _distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """Relative root mean square of the difference; equal broken outputs (NaN) are equal."""
    reference = b.double()
    if not bool(torch.isfinite(reference).all()):
        return 0.0 if torch.equal(a.isnan(), b.isnan()) else float("inf")
    error = float((a.double() - reference).square().mean().sqrt())
    return error / max(float(reference.square().mean().sqrt()), 1e-30) if error else 0.0
