"""The order in which one device answers parked calls. Device thread only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.batching.lanes import ParkedCall, Stage
from engine.fair_share import FairShare
from engine.worker.lane_factory import OpenLane


@dataclass
class Turns:
    """The order of parked calls: by fair share, but encoding and decoding get no more time than denoising."""

    share: FairShare
    _denoise_ms: float = field(default=0.0, init=False)
    """Device time of the latest denoising pass."""
    _aside_ms: float = field(default=0.0, init=False)
    """Device time of encoding and decoding since then."""

    def take(self, lanes: Iterable[OpenLane], now_s: float) -> list[ParkedCall]:
        """Take a turn of fair share: the parked calls in their order for this tick.

        Prompts come first until encoding and decoding took the time of one denoising pass.
        """
        parked = {opened.request.id: call for opened in lanes if (call := opened.lane.parked)}
        claims = [opened.claim for opened in lanes if opened.request.id in parked]
        # A relaxed call waits while any other does: not even beside it in one pass.
        claims = [claim for claim in claims if not claim.relaxed] or claims
        parked = {claim.id: parked[claim.id] for claim in claims}
        first = Stage.DENOISE if self._aside_ms >= self._denoise_ms else Stage.ENCODE
        is_prompt = first is Stage.ENCODE and any(call.stage is first for call in parked.values())
        order = (self.share.order if is_prompt else self.share.take_turn)(claims, now_s)
        return sorted((parked[claim.id] for claim in order), key=lambda call: call.stage is not first)

    def took(self, stage: Stage, gpu_ms: float) -> None:
        """Add the device time of a pass."""
        if stage is Stage.DENOISE:
            self._denoise_ms, self._aside_ms = gpu_ms, 0.0
        else:
            self._aside_ms += gpu_ms
