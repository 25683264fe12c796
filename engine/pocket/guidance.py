"""Guidance inside the denoiser: a pipeline gives it one row with the scale, instead of a row more without words.

Only the sketch is made twice, with words and without; the refiner draws once, of the guided sketch. Pipelines of
diffusers hand the scale over as an embedding, as to distilled models (Meng et al. 2022, arXiv 2210.03142).
"""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.pocket.checkpoint import naming

EMBEDDING = 4
"""Width of diffusers' embedding of the guidance scale: sine and cosine of 1000 w and of 0.1 w, w the scale - 1."""
_SLOW_SINE, _SLOW_COSINE = 1, 3
_SLOW = 0.1
_FILE = "no_words.safetensors"
_STATES = "states"


def excess(embedding: Tensor) -> Tensor:
    """By how much the guidance scale exceeds 1 (B,), from its embedding (B, 4); right for scales of 0 to 32."""
    return torch.atan2(embedding[:, _SLOW_SINE].float(), embedding[:, _SLOW_COSINE].float()) / _SLOW


def like(states: Tensor, no_words: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Token states (B, L, D), and those of the empty prompt (rows, L, D) beside them, L the longer of both."""
    length = max(states.shape[1], no_words.shape[1])
    empty = no_words.to(states).expand(rows, -1, -1)
    return _padded(states, length), _padded(empty, length)


def spoken(states: Tensor) -> Tensor:
    """Token states (B, L, D) without the places that are padding in every row: nobody looks at those."""
    heard = (states.abs().amax(-1) > 0).any(0).nonzero()
    return states[:, : int(heard[-1]) + 1] if len(heard) else states[:, :1]


def write_no_words(states: Tensor, denoiser: Path) -> None:
    """Keep the empty prompt's token states (1, L, D) in the denoiser's folder."""
    denoiser.mkdir(parents=True, exist_ok=True)
    save_file({_STATES: states.float().contiguous()}, denoiser / _FILE)


def read_no_words(denoiser: Path) -> Tensor | None:
    """The empty prompt's token states (1, L, D); None for a denoiser that came without.

    Raises:
        BrokenWeights: the file is damaged.
    """
    if not (denoiser / _FILE).exists():
        return None
    with naming(denoiser / _FILE):
        return load_file(denoiser / _FILE)[_STATES]


def _padded(states: Tensor, length: int) -> Tensor:
    return F.pad(states, (0, 0, 0, length - states.shape[1]))
