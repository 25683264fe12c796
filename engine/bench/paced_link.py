"""A link of set speed: it really copies the bytes, and waits out the rest of the time that they would take."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from engine.loading.weight_link import Wait


class PacedLink:
    """Copies one block after another, in a thread of its own, so that the processor may compute meanwhile."""

    def __init__(self, bytes_per_s: float) -> None:
        self.bytes_per_s = bytes_per_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="link")
        self._busy_until_s = 0.0

    def host_bytes(self, size: int) -> torch.Tensor:
        """Plain memory."""
        return torch.empty(size, dtype=torch.uint8)

    def release(self, memory: torch.Tensor) -> None:
        """Nothing to do."""

    def mark(self) -> Any:
        """Nothing: a processor has computed what it was asked for."""
        return None

    def copy(self, source: torch.Tensor, target: torch.Tensor, after: Any) -> Wait:
        """Begin to copy behind what is being copied."""
        copied = self._thread.submit(self._copy, source, target)
        return copied.result

    def _copy(self, source: torch.Tensor, target: torch.Tensor) -> None:
        begin_s = max(self._busy_until_s, time.perf_counter())
        with torch.inference_mode():
            target.copy_(source)
        self._busy_until_s = begin_s + source.nbytes / self.bytes_per_s
        if (rest_s := self._busy_until_s - time.perf_counter()) > 0:
            time.sleep(rest_s)
