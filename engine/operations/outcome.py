"""The result of an operation, before it becomes files."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from PIL import Image

from engine.operations.pixels import Pixels


@dataclass
class Outcome:
    """The result of an operation."""

    cells: list[Pixels] = field(default_factory=list[Pixels])
    latents: torch.Tensor | None = None
    captions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    noise_scheduler: str = ""
    """The class name of the first noise scheduler that ran, or "" where nothing was denoised."""
    sampler: str = ""
    """The noise scheduler's name in other tools ("DPM++ 2M Karras")."""
    upscaler: str = ""
    """The super-resolution network, where it alone made the picture."""
    mask: Image.Image | None = None
    """Where the picture was changed, where an edit found that itself."""
    control: Image.Image | None = None
    """The control picture as the network saw it."""
    is_known: bool = True
    """Whether the prompt names something that the model knows, as far as the model can tell."""
