"""Attention by another kernel than torch's own, where that is proved equal on this machine.

The newer families of diffusers look their attention up in a table of kernels by name ("flash", "xformers"). For the
length of one pass a `ChosenAttention` takes the place of torch's own there, and decides for each call. The first calls
of every set of shapes are answered natively, and computed with every candidate beside that: what differs or raises is
refused with its reason, and of the others the fastest answers the later calls. Calls with a mask stay native, because
kernels differ in what they take a mask for, and a mask that hides nothing would prove nothing about others.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false
# (diffusers has hardly any types, and no public way to stand in its table)

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import time
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from engine.batching.forward import ATTENTION, COMPILED, is_device_lost, is_out_of_memory, timed

logger = logging.getLogger(__name__)

NATIVE = "native"
"""diffusers' name of torch's own attention."""
_DISPATCH = "dispatch_attention_fn"
TOLERANCE = {torch.float32: 1e-4, torch.float16: 4e-3, torch.bfloat16: 2e-2}
"""RMS of a token's difference over RMS of its output, by dtype, in the worst token: some times the rounding."""
QUANTISED_TOLERANCE = 0.5
"""The same for kernels that round on purpose: it tells only what is wrong from what is coarse."""
TIMED = 4
"""So many calls of the same shapes are timed; the first of them is no measure, because it may compile or allocate."""
FASTER = 0.95
"""A kernel takes the place of torch's own if it takes at most this share of its time."""
_MOST_SHAPES = 1000


def is_quantised(kernel: str) -> bool:
    """Does this kernel change pictures, because it computes in 8 bits?"""
    return "sage" in kernel


@dataclass(slots=True)
class _Trial:
    """What is known about calls of one set of shapes."""

    winner: str | None = None
    seconds: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def best_s(self, kernel: str) -> float:
        """The fastest call but the first."""
        return min(self.seconds[kernel][1:])


@dataclass(eq=False)
class ChosenAttention:
    """Decides which kernel computes the attention of one denoiser. Device thread only."""

    name: str
    candidates: tuple[str, ...]
    is_asked: bool = False
    """Whether the host asked for the one candidate by its name, so that nothing is timed."""
    clock: Callable[[], float] = time.perf_counter
    in_charge: tuple[str, ...] = ()
    """Kernels that have taken the place of torch's own."""
    ran: bool = False
    """Did one of them compute something in the latest pass?"""
    _trials: dict[Hashable, _Trial] = field(default_factory=dict[Hashable, _Trial])

    @contextlib.contextmanager
    def in_use(self) -> Generator[None]:
        """For one pass, decide about its calls."""
        from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry

        table, key, self.ran = _AttentionBackendRegistry._backends, AttentionBackendName.NATIVE, False
        native = table[key]
        if self.candidates:
            table[key] = functools.partial(self._call, native)
        try:
            yield
        finally:
            table[key] = native

    def _call(self, native: Callable[..., torch.Tensor], **kwargs: Any) -> torch.Tensor:
        if kwargs.get("attn_mask") is not None or kwargs.get("_parallel_config") is not None:
            return native(**kwargs)
        trial = self._trial(kwargs)
        if trial.winner is None:
            return self._try(trial, native, kwargs)
        if trial.winner == NATIVE:
            return native(**kwargs)
        try:
            output = _run(trial.winner, kwargs)
        except Exception as error:  # whatever a foreign kernel raises: torch's own computes the call
            if is_out_of_memory(error) or is_device_lost(error):
                raise
            self._refuse(trial.winner, _raises(error))
            return native(**kwargs)
        self.ran = True
        return output

    def _trial(self, kwargs: dict[str, Any]) -> _Trial:
        tensors = [kwargs[name] for name in ("query", "key", "value")]
        options = [kwargs.get(name) for name in ("is_causal", "scale", "enable_gqa", "dropout_p")]
        key = (tensors[0].dtype, *(each.shape for each in tensors), *options)
        if len(self._trials) > _MOST_SHAPES:
            self._trials.clear()
        return self._trials.setdefault(key, _Trial())

    def _try(self, trial: _Trial, native: Callable[..., torch.Tensor], kwargs: dict[str, Any]) -> torch.Tensor:
        """Compute natively, and compare and time every candidate."""
        device = kwargs["query"].device
        expected, seconds = timed(functools.partial(native, **kwargs), device, self.clock)
        if not bool(torch.isfinite(expected).all()):
            return expected  # proves nothing
        trial.seconds.setdefault(NATIVE, []).append(seconds)
        for kernel in self.candidates:
            try:
                output, seconds = timed(functools.partial(_run, kernel, kwargs), device, self.clock)
                why = _difference(kernel, output, expected)
            except Exception as error:  # whatever a foreign kernel raises refuses it
                if is_device_lost(error):
                    raise
                why = _raises(error)
            if why:
                self._refuse(kernel, why)
            else:
                trial.seconds.setdefault(kernel, []).append(seconds)
        self._decide(trial)
        return expected

    def _decide(self, trial: _Trial) -> None:
        if not self.candidates:
            trial.winner = NATIVE
        elif self.is_asked:
            self._elect(trial, self.candidates[0], "as the settings ask")
        elif len(trial.seconds[NATIVE]) >= TIMED:
            fastest = min(self.candidates, key=trial.best_s)
            gain = trial.best_s(NATIVE) / max(trial.best_s(fastest), 1e-9)
            if gain * FASTER >= 1:
                self._elect(trial, fastest, f"{gain:.2f} times as fast as torch's own")
            else:
                trial.winner = NATIVE

    def _elect(self, trial: _Trial, kernel: str, why: str) -> None:
        trial.winner = kernel
        if kernel not in self.in_charge:
            self.in_charge = (*self.in_charge, kernel)
            logger.info("%s: attention by %s, %s", self.name, kernel, why)

    def _refuse(self, kernel: str, why: str) -> None:
        """Never use a kernel again for this denoiser; what was decided is decided anew."""
        logger.warning("%s: no attention by %s, %s", self.name, kernel, why[:300])
        self.candidates = tuple(each for each in self.candidates if each != kernel)
        self.in_charge = tuple(each for each in self.in_charge if each != kernel)
        self._trials.clear()


def choose_attention(module: nn.Module, candidates: tuple[str, ...], *, is_asked: bool) -> ChosenAttention | None:
    """Have the attention of a denoiser computed by one of these kernels; None where its family has no choice."""
    if not candidates or not has_choice(module):
        return None
    chosen = vars(module)[ATTENTION] = ChosenAttention(type(module).__name__, candidates, is_asked)
    if compiled := vars(module).get(COMPILED):
        compiled.rival = chosen
    return chosen


def has_choice(module: nn.Module) -> bool:
    """Does a part of this module look its attention up in diffusers' table?"""
    files = {type(part).__module__ for part in module.modules()}
    return any(hasattr(sys.modules.get(file), _DISPATCH) for file in files)


def _run(kernel: str, kwargs: dict[str, Any]) -> torch.Tensor:
    from diffusers.models.attention_dispatch import AttentionBackendName, dispatch_attention_fn

    given = {name: value for name, value in kwargs.items() if name != "_parallel_config"}
    return dispatch_attention_fn(**given, backend=AttentionBackendName(kernel))


def _difference(kernel: str, output: torch.Tensor, expected: torch.Tensor) -> str:
    """Why an output is not torch's own up to rounding, or "" if it is."""
    if output.shape != expected.shape or output.dtype != expected.dtype:
        return f"{output.dtype} {tuple(output.shape)} instead of {expected.dtype} {tuple(expected.shape)}"
    tolerance = QUANTISED_TOLERANCE if is_quantised(kernel) else TOLERANCE.get(expected.dtype, 0.0)
    distance = apart(output, expected)
    return "" if distance <= tolerance else f"its outputs are {distance:.1e} apart"  # NaN is not less


def apart(output: torch.Tensor, expected: torch.Tensor) -> float:
    """The worst token's RMS of the difference, over the RMS of that token's output or of all, whichever is more.

    One row of the batch at a time, which is what wider numbers have memory for.
    """
    worst = [torch.zeros((), device=expected.device)]
    for ours, theirs in zip(output, expected, strict=True):
        reference = theirs.float()
        error = (ours.float() - reference).square().mean((-2, -1)).sqrt()
        size = reference.square().mean((-2, -1))
        worst.append((error / size.maximum(size.mean()).sqrt().clamp_min(1e-30)).max())
    return float(torch.stack(worst).max())


def _raises(error: Exception) -> str:
    return f"it raises {type(error).__name__}: {str(error).partition(chr(10))[0]}"
