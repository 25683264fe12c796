"""What a training run is made of, and what it begins with."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.pocket.boxes import SIZE
from engine.pocket.denoiser import PocketDenoiser
from engine.pocket.styles import STYLES


@dataclass(frozen=True)
class Recipe:
    """Everything a run is made of; the defaults are the CPU run.

    Args:
        minutes: Length of the whole run; the learning rate follows the clock and ends at zero.
        batch: Pictures per step and process.
        conv_channels: As in `PocketDenoiser`, like `width` and `depth`.
        matrix_rate: Learning rate of Muon, for the transformer's matrices.
        rate: Learning rate of AdamW, for everything else.
        composed: Share of pictures with several drawings, from `composed_from` of the run on.
        ema_decay: Of the averaged weights that are shipped.
        small_until: Share of the run that trains the sketch alone, on pictures of half the edge: what
            things look like is learned there, how to draw them sharply afterwards.
        small_batch: Pictures per step and process meanwhile.
        noise_mean: Mean of the logit-normal signal share; -1.2 is the noisy end, where layout is decided.
        small_noise_mean: The same for half the edge, where as much static hides more.
        begin_with: A weights folder whose denoiser the run begins with, sizes included, instead of chance.
    """

    minutes: float = 120.0
    batch: int = 24
    conv_channels: int = 128
    width: int = 256
    depth: int = 8
    matrix_rate: float = 3e-3
    rate: float = 1e-3
    composed: float = 0.3
    composed_from: float = 0.0
    ema_decay: float = 0.997
    small_until: float = 0.65
    small_batch: int = 32
    noise_mean: float = -1.2
    small_noise_mean: float = -0.8
    noise_spread: float = 1.0
    seed: int = 7
    begin_with: Path | None = None


def learning_rate(step: int, part: float) -> float:
    """Share of the peak rate: 100 steps of warm-up, constant to 70 % of the run, then a cosine to zero."""
    return min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * max(0.0, min(1.0, (part - 0.7) / 0.3))))


def beginning(recipe: Recipe) -> PocketDenoiser:
    """The model before its first step. Raises `BrokenWeights`."""
    if recipe.begin_with is not None:
        return remembering(PocketDenoiser.from_pretrained(recipe.begin_with / "unet", torch_dtype=torch.float32))
    sizes = {"conv_channels": recipe.conv_channels, "width": recipe.width, "depth": recipe.depth}
    return PocketDenoiser(SIZE, remembered=len(STYLES), **sizes)


def remembering(denoiser: PocketDenoiser) -> PocketDenoiser:
    """The same network in train mode, with a memory that it has not learned to use yet if it had none."""
    if denoiser.recall is not None:
        return denoiser.train()
    config = {key: value for key, value in denoiser.config.items() if not key.startswith("_")}
    grown = PocketDenoiser(**config | {"remembered": len(STYLES)})
    grown.load_state_dict(denoiser.state_dict(), strict=False)
    grown.no_words = denoiser.no_words
    return grown.train()
