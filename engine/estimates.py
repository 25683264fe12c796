"""How long requests take, learnt from measured device time. Pure and torch-free."""

from __future__ import annotations

from engine.requests import Describe, ImageRequest, ImageToImage, Upscale

_NEWEST = 0.3
"""Weight of the newest measurement in the running mean."""

_Key = tuple[str | int, ...]


class Estimates:
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
    kind, model = request.kind, request.model
    if isinstance(request, Upscale):
        kind = f"{kind}_{request.mode}"
    alike = (kind, model, request.width or 0, request.height or 0), (kind, model)
    return alike if isinstance(request, Describe) or kind == "upscale_subtle" else (*alike, (model,))


def work_of(request: ImageRequest) -> float:
    """How much a request is from beginning to end: megapixels times steps times pictures."""
    pixels = (request.width or 1024) * (request.height or 1024)
    steps = float(request.num_inference_steps or 20) * request.stop_at
    if isinstance(request, ImageToImage):
        steps = max(1.0, steps * request.strength)
    return pixels / 1e6 * steps * request.num_images
