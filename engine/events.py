"""The events of a request. Frozen and torch-free; errors are raised, never sent as events."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Preview:
    """The x0 estimates of all cells in one small mosaic (WebP or JPEG, at most 40 kB)."""

    image: bytes
    width: int
    height: int
    mime: str = "image/webp"


@dataclass(frozen=True, slots=True)
class Queued:
    """Waiting: `position` requests will start before this one; `eta_s` seconds until it starts, when known."""

    position: int
    eta_s: float | None = None
    reason: str = ""
    """Why the ones ahead go first, in a few plain words, or ""."""


@dataclass(frozen=True, slots=True)
class Started:
    """The request has a lane on a device."""

    device: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` of `steps` denoising steps are done. Latest wins: events in between may be dropped."""

    step: int
    steps: int
    preview: Preview | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class Safety:
    """The result of the picture check: `score` in [0, 1] (1 = surely unsafe), or None and why it could not run."""

    score: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """One finished picture: a PNG that carries its own recipe in the `parameters` text chunk."""

    png: bytes
    width: int
    height: int
    seed: int
    safety: Safety = field(default_factory=Safety)
    latents: bytes | None = None
    """The final latents as safetensors, where the model has them."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All it takes to draw the same picture again. Without denoising there are no steps, guidance and seed."""

    model: str
    model_hash: str
    noise_scheduler: str
    num_inference_steps: int | None
    guidance_scale: float | None
    width: int
    height: int
    seed: int | None
    device: str
    dtype: str
    versions: dict[str, str] = field(default_factory=dict[str, str])
    alone: bool = False
    """Whether no forward pass was shared with other requests, nor ran compiled code or another attention kernel than
    torch's own: drawn alone again it is the same to the bit."""
    sampler: str = ""
    """The noise scheduler's name in other tools ("DPM++ 2M Karras")."""
    upscaler: str = ""
    """The super-resolution network, where it alone made the picture."""
    step_cache: str = "off"
    """Which denoiser outputs may have been foretold."""
    parameters: str = ""
    """One line per the convention other tools read from PNG files."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The pictures in cell order, and their measured device time in milliseconds."""

    images: tuple[GeneratedImage, ...]
    gpu_ms: float
    recipe: Recipe | None = None
    frames: tuple[bytes, ...] = ()
    """Small JPEG mosaics of the x0 estimates from static to picture, for the time-lapse."""
    captions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for the member ("size snapped to 1024x768")."""
    mask: bytes | None = None
    """A small PNG, white where the pictures were changed, where an edit found that itself."""
    control: bytes | None = None
    """A small PNG of the control picture as the network saw it."""
    is_known: bool = True
    """False where the model says of which things it has drawings, and the prompt names none of them."""


Event = Queued | Started | Progress | Finished
