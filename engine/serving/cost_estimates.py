"""How long requests take, learnt from measured device time. Pure and torch-free."""

from __future__ import annotations

from engine.requests import Describe, ImageRequest, ImageToImage, Outpaint, Upscale

_STEPS = 25
"""Where a request names none; a resolved one does."""

_NEWEST = 0.3
"""Weight of the newest measurement in the running mean."""

_Key = tuple[str | int, ...]


class CostEstimates:
    """Device time per unit of work (megapixel, step and picture), by kind, model and size."""

    def __init__(self) -> None:
        self._ms_per_unit: dict[_Key, float] = {}

    def learn(self, request: ImageRequest, gpu_ms: float) -> None:
        """Take note of what a finished request was measured to cost."""
        measured = gpu_ms / work_of(request)
        for key in _keys(request):
            known = self._ms_per_unit.get(key, measured)
            self._ms_per_unit[key] = known + _NEWEST * (measured - known)

    def gpu_ms(self, request: ImageRequest) -> float | None:
        """The device time this request will probably need, from the most similar ones; None before any is known."""
        known = (self._ms_per_unit[key] for key in _keys(request) if key in self._ms_per_unit)
        per_unit = next(known, None)
        return None if per_unit is None else per_unit * work_of(request)


def _keys(request: ImageRequest) -> tuple[_Key, ...]:
    """From the most to the least similar requests; what is not drawn by diffusion says nothing about what is."""
    kind, model = kind_of_work(request), request.model
    alike = (kind, model, request.width or 0, request.height or 0), (kind, model)
    return (*alike, (model,)) if is_denoised(request) else alike


def kind_of_work(request: ImageRequest) -> str:
    """The request's kind; the two ways to enlarge are kinds of their own."""
    return f"{request.kind}_{request.mode}" if isinstance(request, Upscale) else request.kind


def is_denoised(request: ImageRequest) -> bool:
    """Whether its pictures take steps of denoising; what does not says nothing about the cost of what does."""
    return not isinstance(request, Describe) and kind_of_work(request) != "upscale_subtle"


def steps_of(request: ImageRequest) -> float:
    """How many of its steps are run for each picture; 1 for what is not denoised."""
    if not is_denoised(request):
        return 1.0
    steps = (request.num_inference_steps or _STEPS) * request.stop_at
    if isinstance(request, ImageToImage | Outpaint | Upscale):
        steps *= request.strength
    return max(1.0, steps)


def pixels_of(request: ImageRequest) -> float:
    """Pixels of one picture that is worked on: those a creative upscale ends with, else those of the request."""
    pixels = float((request.width or 1024) * (request.height or 1024))
    if isinstance(request, Upscale) and request.mode == "creative":
        return pixels * request.factor**2
    return pixels


def work_of(request: ImageRequest) -> float:
    """How much a request is from beginning to end: megapixels times steps times pictures."""
    return pixels_of(request) / 1e6 * steps_of(request) * request.num_images
