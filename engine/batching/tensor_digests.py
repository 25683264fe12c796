"""Digests of tensors' contents: two tensors of one shape and dtype are the same if their digests are."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import hashlib
import weakref

import torch


class Digests:
    """Remembers digests by tensor object, so that a tensor passed at every step is read from the device once.

    A tensor object counts as unchanged: pipelines make new tensors rather than write into those they have passed.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, bool], tuple[weakref.ref[torch.Tensor], tuple[bytes, ...]]] = {}

    def whole(self, tensor: torch.Tensor) -> bytes:
        """The digest of the whole tensor: 16 bytes (BLAKE2b)."""
        return self._remembered(tensor, by_rows=False)[0]

    def rows(self, tensor: torch.Tensor) -> tuple[bytes, ...]:
        """The digests of the distinct rows along dimension 0, in order of their first appearance."""
        return self._remembered(tensor, by_rows=True)

    def _remembered(self, tensor: torch.Tensor, by_rows: bool) -> tuple[bytes, ...]:
        key = id(tensor), by_rows
        known = self._known.get(key)
        if known is None or known[0]() is not tensor:
            # A weak reference: the tensor may be large, and its digest goes when it goes.
            gone = weakref.ref(tensor, lambda _: self._known.pop(key, None))
            known = self._known[key] = gone, distinct_rows(tensor if by_rows else tensor[None])
        return known[1]


def distinct_rows(tensor: torch.Tensor) -> tuple[bytes, ...]:
    """The digests of the distinct rows of a tensor along dimension 0, 16 bytes (BLAKE2b) each."""
    rows = (tensor.flatten(1) if tensor.ndim > 1 else tensor[:, None]).cpu()
    # A clone, because `contiguous()` leaves the odd strides of an expanded dimension of size 1.
    raw = rows.clone(memory_format=torch.contiguous_format).view(torch.uint8).numpy()
    return tuple(dict.fromkeys(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in raw))
