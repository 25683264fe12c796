"""Merges calls into one call over all their rows, and splits its output."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from engine.batching.lanes import ParkedCall
from engine.batching.row_layout import PLAIN, Role, RowLayout, is_row_list


class Indivisible(Exception):
    """An output holds something that belongs to no row."""


def merge(layouts: Sequence[RowLayout], pad_to: int = 0) -> ParkedCall:
    """One call over all rows, in order. The last row is repeated until there are `pad_to` rows."""
    if len(layouts) == 1 and layouts[0].rows >= pad_to:
        return layouts[0].call
    missing = pad_to - sum(layout.rows for layout in layouts)
    if missing > 0:
        last = layouts[-1]
        layouts = [*layouts, last.part(last.rows, last.rows + missing)]
    columns = zip(*(layout.leaves for layout in layouts), strict=True)
    counts = [layout.rows for layout in layouts]
    merged = layouts[0].rebuilt(
        _join(list(column), role, counts) for column, role in zip(columns, layouts[0].roles, strict=True)
    )
    adapters = [layout.call.lane.options.loras for layout in layouts for _ in range(layout.rows)]
    merged.adapters = tuple(adapters) if len(set(adapters)) > 1 else ()
    return merged


def split(output: Any, counts: Sequence[int], total: int = 0) -> list[Any]:
    """Divide an output of `total` rows (with padding; else the sum) into one output of each count of rows.

    Raises `Indivisible` if any tensor in it does not have one entry for each row.
    """
    total = total or sum(counts)
    if len(counts) == 1 and counts[0] == total:
        return [output]
    leaves, tree = tree_flatten(output, is_leaf=lambda node: is_row_list(node, total))
    parts: list[Any] = []
    start = 0
    for count in counts:
        parts.append(tree_unflatten([_rows_of(leaf, start, count, total) for leaf in leaves], tree))
        start += count
    return parts


def is_divisible(output: Any, rows: int) -> bool:
    """Does everything in a call's output belong to a row? The key-value cache of a language model does not."""
    leaves = tree_flatten(output, is_leaf=lambda node: is_row_list(node, rows))[0]
    try:
        return bool([_rows_of(leaf, 0, rows, rows) for leaf in leaves])
    except Indivisible:
        return False


def join_outputs(outputs: Sequence[Any], counts: Sequence[int]) -> Any:
    """The inverse of `split`: outputs of consecutive rows as one."""
    if len(outputs) == 1:
        return outputs[0]
    flat = [
        tree_flatten(output, is_leaf=lambda node, rows=rows: is_row_list(node, rows))
        for output, rows in zip(outputs, counts, strict=True)
    ]
    leaves = [_join_output(column) for column in zip(*(leaves for leaves, _ in flat), strict=True)]
    return tree_unflatten(leaves, flat[0][1])


def _join(column: list[Any], role: Role, counts: Sequence[int]) -> Any:
    match role:
        case Role.ROWS:
            return torch.cat(column)
        case Role.NUMBER:
            dtype = _widest(column)
            return torch.cat([leaf.to(dtype).expand(rows) for leaf, rows in zip(column, counts, strict=True)])
        case Role.LIST | Role.REPEAT:
            return [item for leaf in column for item in leaf]
        case _:
            return column[0]


def _widest(column: Sequence[torch.Tensor]) -> torch.dtype:
    """The dtype that holds all of them; integers among floats become floats."""
    dtype = column[0].dtype
    for leaf in column[1:]:
        dtype = torch.promote_types(dtype, leaf.dtype)
    return dtype


def _rows_of(leaf: Any, start: int, count: int, total: int) -> Any:
    if isinstance(leaf, torch.Tensor):
        if not leaf.ndim or leaf.shape[0] != total:
            raise Indivisible(f"a tensor of shape {tuple(leaf.shape)} in the output of {total} rows")
        return leaf[start : start + count]
    if isinstance(leaf, list) and len(leaf) == total:
        return leaf[start : start + count]
    if isinstance(leaf, PLAIN):
        return leaf
    raise Indivisible(f"a {type(leaf).__name__} in the output")


def _join_output(column: Sequence[Any]) -> Any:
    if isinstance(column[0], torch.Tensor):
        return torch.cat(list(column))
    return [item for leaf in column for item in leaf] if isinstance(column[0], list) else column[0]
