"""Cost estimates: device time of requests, learnt from measured ones. Pure and torch-free."""

from __future__ import annotations

from engine.requests import ImageRequest

_NEWEST = 0.3
"""Weight of the newest measurement in the running mean."""

_Key = tuple[str | int, ...]


class CostEstimates:
    """Device time per unit of work (megapixel, step and picture), by kind, model and size."""

    def __init__(self, most: int = 1_000) -> None:
        """Up to `most` running means are kept: those that were learnt last."""
        self._most = most
        self._ms_per_unit: dict[_Key, float] = {}

    def learn(self, request: ImageRequest, gpu_ms: float) -> None:
        """Learn from the measured device time of a finished request, in milliseconds."""
        measured = gpu_ms / request.work
        for key in _keys(request):
            known = self._ms_per_unit.pop(key, measured)
            self._ms_per_unit[key] = known + _NEWEST * (measured - known)  # at the end: the newest
        for oldest in list(self._ms_per_unit)[: -self._most]:
            del self._ms_per_unit[oldest]

    def gpu_ms(self, request: ImageRequest) -> float | None:
        """The expected device time in milliseconds, from the most similar requests; None before one was measured."""
        known = (self._ms_per_unit[key] for key in _keys(request) if key in self._ms_per_unit)
        per_unit = next(known, None)
        return None if per_unit is None else per_unit * request.work


def _keys(request: ImageRequest) -> tuple[_Key, ...]:
    """Keys from the most to the least similar requests; requests with and without denoising share none."""
    kind, model = request.kind_of_work, request.model
    level = request.step_cache or "off"
    alike = (kind, model, level, request.width or 0, request.height or 0), (kind, model, level), (kind, model)
    return (*alike, (model,)) if not request.is_undrawn else alike
