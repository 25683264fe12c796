"""The row layout of a call: what each leaf of its arguments is to the rows of the batch, and which calls may merge.

A call's arguments are a tree (`torch.utils._pytree`). Every leaf gets a role: it has an entry for each row, or is the
same for all. Calls with equal keys are candidates for one pass. A call with a leaf of no known role has no layout
and runs in a pass of its own. A key is a guess about an unknown module, so `merge_proof` checks it first.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import torch
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from engine.batching.lanes import ParkedCall

PLAIN = (type(None), bool, int, float, str, bytes, torch.dtype, torch.device, torch.Size)
"""Types of leaves that are compared by value."""


class Role(enum.Enum):
    """What a leaf of a call's arguments is to the rows of the batch."""

    ROWS = "a tensor whose first dimension counts the rows"
    NUMBER = "one number for each row, or one for all: timesteps, guidance"
    LIST = "a list with one tensor for each row, of any size (Z-Image)"
    REPEAT = "a list that says the same thing once for each row (img_shapes)"
    SAME = "a tensor that all rows share, known by its content (img_ids)"
    VALUE = "anything plain that is not a tensor"


ROLES_WITH_ROWS = frozenset({Role.ROWS, Role.NUMBER, Role.LIST})


@dataclass(frozen=True, slots=True)
class RowLayout:
    """The leaves of a parked call with their roles."""

    call: ParkedCall
    rows: int
    leaves: tuple[Any, ...]
    roles: tuple[Role, ...]
    tree: TreeSpec
    signature: Hashable
    """The shape of the call: equal for calls that differ in tensor contents only."""
    contents: tuple[bytes, ...]
    """Digests of the `SAME` leaves."""

    @property
    def key(self) -> Hashable:
        """Calls of one module with equal keys are candidates for one forward pass."""
        return self.signature, self.contents

    @property
    def row_shape(self) -> Hashable:
        """The shape of one row of the first leaf with rows: the sample."""
        for leaf, role in zip(self.leaves, self.roles, strict=True):
            if role is Role.ROWS:
                return tuple(leaf.shape[1:])
            if role is Role.LIST:
                return tuple(leaf[0].shape)
        return ()

    def rebuilt(self, leaves: Iterable[Any]) -> ParkedCall:
        """The same call with other leaves."""
        args, kwargs = tree_unflatten(list(leaves), self.tree)
        return self.call.replaced(args, kwargs)

    def part(self, start: int, stop: int) -> RowLayout:
        """Rows `start` to `stop` as a call of their own; rows past the end repeat the last one."""
        rows = [min(row, self.rows - 1) for row in range(start, stop)]
        return self._cut(slice(start, stop) if stop <= self.rows else rows, rows)

    def picked(self, rows: list[int]) -> RowLayout:
        """These rows as a call of their own."""
        return self._cut(rows, rows)

    def _cut(self, cut: slice | list[int], rows: list[int]) -> RowLayout:
        leaves = tuple(_cut(leaf, role, cut, rows) for leaf, role in zip(self.leaves, self.roles, strict=True))
        return RowLayout(self.rebuilt(leaves), len(rows), leaves, self.roles, self.tree, self.signature, self.contents)


def lay_out(
    call: ParkedCall, digest: Callable[[torch.Tensor], bytes], *, fixed_shapes: bool = False
) -> RowLayout | None:
    """The layout of a call, or None if a leaf has no known role, so that the call runs in a pass of its own.

    `fixed_shapes` puts the shapes inside lists into the signature, so that padding never depends on other calls.
    """
    rows = _count_rows([*call.args, *call.kwargs.values()])
    if not rows:
        return None
    leaves, tree = tree_flatten((call.args, call.kwargs), is_leaf=lambda node: is_row_list(node, rows))
    roles = [_role(leaf, rows) for leaf in leaves]
    known = [role for role in roles if role is not None]
    if len(known) < len(roles):
        return None
    specs = tuple(_spec(leaf, role, fixed_shapes) for leaf, role in zip(leaves, known, strict=True))
    # Rows may have different LoRAs; but then they run in groups, whose sizes depend on the other calls.
    options = call.lane.options if fixed_shapes else replace(call.lane.options, loras=())
    signature = (call.method, options, tree, specs)
    contents = tuple(digest(leaf) for leaf, role in zip(leaves, known, strict=True) if role is Role.SAME)
    return RowLayout(call, rows, tuple(leaves), tuple(known), tree, signature, contents)


def _count_rows(values: Sequence[Any]) -> int:
    """The batch size of the first argument that has one, which is the sample in all known pipelines; 0 for none."""
    for value in values:
        if isinstance(value, torch.Tensor) and value.ndim:
            return value.shape[0]
        if _is_tensor_list(value):
            return len(value)
    return 0


def _is_tensor_list(node: Any) -> TypeGuard[list[torch.Tensor]]:
    return isinstance(node, list) and bool(node) and all(isinstance(item, torch.Tensor) for item in node)


def is_row_list(node: Any, rows: int) -> bool:
    """Is it a list with one entry for each row?"""
    return isinstance(node, list) and len(node) == rows


def _role(leaf: Any, rows: int) -> Role | None:
    if isinstance(leaf, torch.Tensor):
        if leaf.layout is not torch.strided or leaf.is_quantized:
            return None
        if leaf.ndim == 0 or (leaf.ndim == 1 and leaf.shape[0] in (1, rows)):
            return Role.NUMBER
        return Role.ROWS if leaf.shape[0] == rows else Role.SAME
    if isinstance(leaf, list):
        return Role.LIST if _is_tensor_list(leaf) else Role.REPEAT if _is_repeated(leaf) else None
    return Role.VALUE if isinstance(leaf, PLAIN) else None


def _is_repeated(items: list[Any]) -> bool:
    return all(isinstance(leaf, PLAIN) for leaf in tree_flatten(items)[0]) and all(item == items[0] for item in items)


def _spec(leaf: Any, role: Role, fixed_shapes: bool) -> Hashable:
    match role:
        case Role.ROWS:
            return leaf.dtype, leaf.device, leaf.shape[1:]
        case Role.NUMBER:
            # Euler counts time in floats, LCM in integers: the same number to a denoiser.
            return leaf.device, leaf.dtype if leaf.dtype in (torch.bool, torch.float64) else Role.NUMBER
        case Role.LIST:
            return tuple(dict.fromkeys((item.dtype, item.device, item.ndim) for item in leaf)), (
                tuple(dict.fromkeys(item.shape for item in leaf)) if fixed_shapes else ()
            )
        case Role.REPEAT:
            return repr(leaf[0])
        case Role.SAME:
            return leaf.dtype, leaf.device, leaf.shape
        case Role.VALUE:
            return type(leaf), leaf


def _cut(leaf: Any, role: Role, cut: slice | list[int], rows: list[int]) -> Any:
    match role:
        case Role.ROWS:
            return leaf[cut].clone()  # a module may write into what it is given
        case Role.NUMBER:
            return leaf[cut] if leaf.ndim and leaf.shape[0] > 1 else leaf
        case Role.LIST | Role.REPEAT:
            return [item.clone() if isinstance(item := leaf[row], torch.Tensor) else item for row in rows]
        case _:
            return leaf
