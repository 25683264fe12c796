"""Cost estimates: device time of requests, learnt from measured ones. Pure and torch-free."""

from __future__ import annotations

from engine.requests import ImageRequest, ImageToImage, Outpaint, Upscale

_STEPS = 25
"""Steps of a request that names none; a resolved request always does."""

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
        measured = gpu_ms / work_of(request)
        for key in _keys(request):
            known = self._ms_per_unit.pop(key, measured)
            self._ms_per_unit[key] = known + _NEWEST * (measured - known)  # at the end: the newest
        for oldest in list(self._ms_per_unit)[: -self._most]:
            del self._ms_per_unit[oldest]

    def gpu_ms(self, request: ImageRequest) -> float | None:
        """The expected device time in milliseconds, from the most similar requests; None before one was measured."""
        known = (self._ms_per_unit[key] for key in _keys(request) if key in self._ms_per_unit)
        per_unit = next(known, None)
        return None if per_unit is None else per_unit * work_of(request)


def _keys(request: ImageRequest) -> tuple[_Key, ...]:
    """Keys from the most to the least similar requests; requests with and without denoising share none."""
    kind, model = kind_of_work(request), request.model
    level = request.step_cache or "off"
    alike = (kind, model, level, request.width or 0, request.height or 0), (kind, model, level), (kind, model)
    return (*alike, (model,)) if is_denoised(request) else alike


def kind_of_work(request: ImageRequest) -> str:
    """The request's kind; the two ways to enlarge are kinds of their own, and so is what follows a control picture."""
    if request.control is not None:
        return f"{request.kind}_controlled"
    return f"{request.kind}_{request.mode}" if isinstance(request, Upscale) else request.kind


def is_denoised(request: ImageRequest) -> bool:
    """Does the request run denoising steps?"""
    return not request.is_undrawn


def steps_of(request: ImageRequest) -> float:
    """The denoising steps that run for each picture; 1 without denoising."""
    if not is_denoised(request):
        return 1.0
    steps = (request.num_inference_steps or _STEPS) * request.stop_at
    if isinstance(request, ImageToImage | Outpaint | Upscale):
        steps *= request.strength
    return max(1.0, steps)


def pixels_of(request: ImageRequest) -> float:
    """Pixels of one picture: of the result for a creative upscale, else of the request."""
    pixels = float((request.width or 1024) * (request.height or 1024))
    if isinstance(request, Upscale) and request.mode == "creative":
        return pixels * request.factor**2
    return pixels


def work_of(request: ImageRequest) -> float:
    """The size of a request: megapixels times steps times pictures."""
    return pixels_of(request) / 1e6 * steps_of(request) * request.num_images
