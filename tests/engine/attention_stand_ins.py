"""Attention kernels that no test machine has, played by functions in diffusers' own table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from diffusers.models import attention_dispatch as dispatch
from torch.nn.functional import scaled_dot_product_attention

INSTALLED = {"flash": "_CAN_USE_FLASH_ATTN", "xformers": "_CAN_USE_XFORMERS_ATTN", "sage": "_CAN_USE_SAGE_ATTN"}


class Time:
    """A clock that goes on only while a kernel computes."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class StandIn:
    """A kernel: what torch computes, changed by `spoil`, until it breaks at call number `breaks_at`."""

    spoil: Callable[[torch.Tensor], torch.Tensor] = lambda output: output
    breaks_at: int | None = None
    seconds: float = 0.0
    time: Time | None = None
    calls: int = 0

    def __call__(self, query: Any, key: Any, value: Any, attn_mask: Any = None, scale: float | None = None) -> Any:
        assert attn_mask is None, "masks are for torch's own kernel"
        self.calls += 1
        if self.breaks_at is not None and self.calls > self.breaks_at:
            raise RuntimeError("no kernel image is available\nand more lines")
        if self.time:
            self.time.now_s += self.seconds
        inputs = (each.permute(0, 2, 1, 3) for each in (query, key, value))
        return self.spoil(scaled_dot_product_attention(*inputs, scale=scale).permute(0, 2, 1, 3))


def install(monkeypatch: pytest.MonkeyPatch, name: str, kernel: StandIn) -> StandIn:
    """Have diffusers find the kernel of that name."""
    registry, key = dispatch._AttentionBackendRegistry, dispatch.AttentionBackendName(name)
    monkeypatch.setitem(registry._backends, key, kernel)
    monkeypatch.setitem(registry._supported_arg_names, key, {"query", "key", "value", "attn_mask", "scale"})
    monkeypatch.setattr(dispatch, INSTALLED[name], True)
    return kernel


def slow_down(monkeypatch: pytest.MonkeyPatch, time: Time, seconds: float) -> None:
    """Have torch's own kernel take so long."""
    registry, key = dispatch._AttentionBackendRegistry, dispatch.AttentionBackendName.NATIVE
    own = registry._backends[key]

    def native(**kwargs: Any) -> Any:
        time.now_s += seconds
        return own(**kwargs)

    monkeypatch.setitem(registry._backends, key, native)
