"""Compiled blocks: the repeated blocks of a denoiser, compiled elsewhere while pictures are drawn eagerly.

A block is compiled ahead of time for the exact shapes, strides and formats that it is called with, in a process of its
own (`block_compiler`): tracing in this one would hold up the device thread, and change the process's random state. The
first result of every compiled block is compared with the eager one. What is not compiled yet runs as ever, and a call
whose shapes are new never waits. Most shapes of a model are few: its sizes times the row counts of usual passes.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
import copy
import functools
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_flatten, tree_map

from engine.batching.attention_kernels import TIMED, ChosenAttention
from engine.batching.block_job import BlockJob, TensorLike, compiled_elsewhere, without_values
from engine.batching.forward import COMPILED, is_out_of_memory, timed
from engine.batching.merge_proof import difference
from engine.batching.row_layout import PLAIN
from engine.batching.weight_tensors import EXECUTES_ON, STREAMED, can_widen

logger = logging.getLogger(__name__)

SEEN = 32
"""So often is a block called with the same shapes before they are worth compiling: a few steps of one picture."""
MOST = 12
"""Most kinds and shapes that are compiled for one denoiser."""
_MOST_SEEN = 1000
_COMPUTED = frozenset({torch.float32, torch.bfloat16, torch.float16})
_ALIGNED = 16
"""Bytes: Triton's code may read this much at once. Code for processors does not mind."""

Runner = Callable[[list[torch.Tensor]], list[torch.Tensor]]
"""Compiled code: weights and inputs in, output tensors out."""


@dataclass
class _Compiled:
    """One kind of block for one set of shapes."""

    run: Runner
    proved: bool = False
    slower: bool = False
    """The block itself, with an attention kernel that is not in this code, takes less time."""
    seconds: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """What the block took, and this code, in the same calls."""


@dataclass(eq=False)
class CompiledBlocks:
    """Decides for each call of a repeated block whether its compiled code runs. Device thread only."""

    name: str
    compile: Callable[[BlockJob, Path], Runner]
    rival: ChosenAttention | None = None
    """Chooses attention kernels for the blocks where they are not compiled: code has torch's own."""
    clock: Callable[[], float] = time.perf_counter
    active: bool = False
    ran: bool = False
    """Did compiled code compute something in the latest pass?"""
    failed: bool = False
    """Something did not compile, or not to the same result: everything stays eager."""
    _ready: dict[Hashable, _Compiled] = field(default_factory=dict[Hashable, _Compiled])
    _asked: dict[Hashable, Future[Runner]] = field(default_factory=dict[Hashable, "Future[Runner]"])
    _seen: Counter[Hashable] = field(default_factory=Counter[Hashable])
    _weights: dict[nn.Module, list[torch.Tensor]] = field(default_factory=dict[nn.Module, list[torch.Tensor]])

    def __post_init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compile")
        self._folder = tempfile.TemporaryDirectory(prefix="darkroom-compiled-")

    def take(self, block: nn.Module) -> None:
        """Have this decide about the calls of a block."""
        self._weights[block] = [*block.parameters(), *block.buffers()]
        vars(block)["forward"] = functools.partial(self._call, block)

    @contextlib.contextmanager
    def in_use(self) -> Generator[None]:
        """For one pass, let compiled code run where there is some."""
        self.active, self.ran = not self.failed, False
        try:
            yield
        finally:
            self.active = False

    def close(self) -> None:
        """Compile nothing more, and let go of the blocks."""
        self.failed = True
        self._thread.shutdown(wait=False, cancel_futures=True)
        for block in self._weights:
            vars(block).pop("forward", None)
        self._weights.clear()
        self._ready.clear()

    def _call(self, block: nn.Module, *args: Any, **kwargs: Any) -> Any:
        eager = functools.partial(type(block).forward, block, *args, **kwargs)
        if not self.active:
            return eager()
        leaves, form = tree_flatten((args, kwargs))
        key = self._key(block, leaves, form)
        if key is None:
            return eager()
        compiled = self._ready.get(key) or self._arrived(key)
        if compiled is not None and compiled.slower:
            return eager()
        if compiled is None:
            self._note(key, block, args, kwargs)
            return eager()
        return self._run(compiled, block, leaves, eager)

    def _run(self, compiled: _Compiled, block: nn.Module, leaves: list[Any], eager: Callable[[], Any]) -> Any:
        given = [*self._weights[block], *(leaf for leaf in leaves if isinstance(leaf, torch.Tensor))]
        if compiled.proved:
            return self._proved(compiled, given, eager)
        device = given[0].device
        expected, eager_s = timed(eager, device, self.clock)
        try:
            outputs, compiled_s = timed(functools.partial(compiled.run, given), device, self.clock)
            why = difference(outputs, tree_flatten(expected)[0])
            compiled.seconds.append((eager_s, compiled_s))
        except RuntimeError as error:
            why = str(error)
        if why or not _is_plain(expected):
            self._give_up(why or "it returns more than tensors")
        self._judge(compiled)
        return expected

    def _judge(self, compiled: _Compiled) -> None:
        """Let right code run from now on; where the block has a faster attention kernel, only if it takes no longer."""
        if self.failed or self.rival is None or not self.rival.in_charge:
            compiled.proved = True
        elif len(compiled.seconds) >= TIMED:
            eager_s, compiled_s = (min(each) for each in zip(*compiled.seconds[1:], strict=True))
            compiled.proved, compiled.slower = compiled_s <= eager_s, compiled_s > eager_s

    def _proved(self, compiled: _Compiled, given: list[torch.Tensor], eager: Callable[[], Any]) -> Any:
        try:
            outputs = compiled.run(given)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            self._give_up(str(error))
            return eager()
        self.ran = True
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _key(self, block: nn.Module, leaves: list[Any], form: Any) -> Hashable:
        """All that compiled code depends on; None for a call that it cannot be made for."""
        metas: list[Hashable] = [type(block), form]
        for leaf in (*self._weights[block], *leaves):
            if isinstance(leaf, torch.Tensor):
                if (leaf.is_cuda and leaf.data_ptr() % _ALIGNED) or leaf.requires_grad:
                    return None
                metas.append(TensorLike.of(leaf))
            elif isinstance(leaf, PLAIN):
                metas.append((type(leaf), leaf))
            else:
                return None
        return tuple(metas)

    def _note(self, key: Hashable, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()  # a block that is called with ever new numbers
        self._seen[key] += 1
        if self._seen[key] < SEEN or key in self._asked or len(self._asked) >= MOST:
            return
        likes, named = tree_map(without_values, (args, kwargs))
        file = Path(self._folder.name) / f"{len(self._asked)}.pt2"
        weights = [TensorLike.of(each) for each in self._weights[block]]
        self._asked[key] = self._thread.submit(
            lambda: self.compile(BlockJob(_bare(block), likes, named, weights), file)
        )

    def _arrived(self, key: Hashable) -> _Compiled | None:
        """The code, if it was asked for and is there now."""
        asked = self._asked.get(key)
        if asked is None or not asked.done():
            return None
        if (error := asked.exception()) is not None:
            self._give_up(f"{type(error).__name__}: {error}")
            return None
        return self._ready.setdefault(key, _Compiled(asked.result()))

    def _give_up(self, why: str) -> None:
        if not self.failed:
            logger.warning("%s: its blocks stay as they are, compiled they failed: %s", self.name, why[-300:])
        self.failed, self.active = True, False
        self._thread.shutdown(wait=False, cancel_futures=True)


def attach(
    module: nn.Module, compile: Callable[[BlockJob, Path], Runner] = compiled_elsewhere
) -> CompiledBlocks | None:
    """Have the repeated blocks of a denoiser compiled once they are used.

    None for one that names no such blocks, or whose weights are packed or come to the device block by block.
    """
    if EXECUTES_ON in vars(module) or STREAMED in vars(module) or not _is_as_written(module):
        return None
    names = getattr(module, "_repeated_blocks", None) or ()
    found = [part for part in module.modules() if type(part).__name__ in names]
    if not found:
        return None
    blocks = CompiledBlocks(type(module).__name__, compile)
    for block in found:
        blocks.take(block)
    vars(module)[COMPILED] = blocks
    return blocks


def _is_as_written(module: nn.Module) -> bool:
    """Are all weights in formats that layers compute with, in tensors of their own?"""
    return can_widen(module) and all(each.dtype in _COMPUTED for each in module.parameters())


def _bare(block: nn.Module) -> nn.Module:
    """A copy without values."""
    tensors = [*block.parameters(), *block.buffers()]
    memo: dict[int, Any] = {id(each): _like(each) for each in tensors}
    bare = copy.copy(block)
    bare.__dict__ = {name: value for name, value in vars(block).items() if name != "forward"}
    return copy.deepcopy(bare, memo)


def _like(tensor: torch.Tensor) -> torch.Tensor:
    empty = torch.empty_like(tensor, device="meta")
    return nn.Parameter(empty, requires_grad=False) if isinstance(tensor, nn.Parameter) else empty


def _is_plain(output: Any) -> bool:
    return isinstance(output, torch.Tensor) or (
        isinstance(output, tuple) and all(isinstance(each, torch.Tensor) for each in output)
    )
