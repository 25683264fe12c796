"""Outputs of text encoders by their arguments: negative prompts and repeated prompts are encoded once."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from engine.batching.lanes import ParkedCall, Stage
from engine.batching.tensor_digests import distinct_rows

_PLAIN = (type(None), bool, int, float, str)


class _Answer(NamedTuple):
    leaves: tuple[Any, ...]
    tree: TreeSpec
    bytes: int


@dataclass
class EncoderCache:
    """Outputs of encoder calls, which are pure functions of their arguments. Device thread only.

    Each encoder has `limit_bytes` of the device's memory; beyond them the least recently used outputs are dropped.
    """

    limit_bytes: int = 64 * 2**20
    _known: WeakKeyDictionary[torch.nn.Module, OrderedDict[Hashable, _Answer]] = field(
        default_factory=WeakKeyDictionary
    )

    def recall(self, call: ParkedCall) -> Any:
        """A copy of an equal call's output, or `NotImplemented` if none is cached. Sets `call.content`."""
        call.content = content_of(call)
        known = self._known.setdefault(call.module, OrderedDict())
        if call.content not in known:
            return NotImplemented
        known.move_to_end(call.content)
        answer = known[call.content]
        return tree_unflatten(_copies(answer.leaves), answer.tree)

    def keep(self, call: ParkedCall, output: Any) -> None:
        """Cache the output of a call, unless it takes over a quarter of the limit or holds more than tensors."""
        if call.content is None:
            return
        leaves, tree = tree_flatten(output)
        size = sum(leaf.nbytes for leaf in leaves if isinstance(leaf, torch.Tensor))
        if size > self.limit_bytes // 4 or not all(map(_is_plain, leaves)):
            return
        known = self._known[call.module]
        # Copies: pipelines may write into what they are given.
        known[call.content] = _Answer(tuple(_copies(leaves)), tree, size)
        while sum(answer.bytes for answer in known.values()) > self.limit_bytes:
            known.popitem(last=False)


def content_of(call: ParkedCall) -> Hashable:
    """The cache key: all that an encoder's output depends on. None for other calls and for unhashable arguments."""
    arguments = {**dict(enumerate(call.args)), **call.kwargs}
    if call.stage is not Stage.ENCODE or call.lane.processors or not all(map(_is_plain, arguments.values())):
        return None
    return call.method, call.lane.options, tuple((name, _content(value)) for name, value in arguments.items())


def _content(value: Any) -> Hashable:
    if not isinstance(value, torch.Tensor):
        return type(value), value
    return value.dtype, value.device, value.shape, distinct_rows(value[None])


def _is_plain(value: Any) -> bool:
    return isinstance(value, (*_PLAIN, torch.dtype, torch.device, torch.Tensor))


def _copies(leaves: Iterable[Any]) -> list[Any]:
    return [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
