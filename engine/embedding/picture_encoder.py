"""Picture embeddings: the embedded picture encoder in numpy, without a worker and without torch.

The arithmetic is that of `engine.pocket.vision.PictureEncoder`, which checks drawings in the worker; a test holds the
two together. Its vectors lie in the text encoder's space, so that a text can be compared with pictures too.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# (safetensors and threadpoolctl leave types open)

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file
from threadpoolctl import ThreadpoolController

from engine.embedding.text_encoder import Floats
from engine.errors import EngineError

SIZE, GROUPS, EPS = 64, 8, 1e-5
STAGES = ((1, 2), (3, 4), (5, 6))
"""Numbers of the residual block and of the convolution that halves the picture after it, by stage."""

_Maps = npt.NDArray[np.float32]
"""Feature maps, (h, w, channels) float32."""


class PictureEncoder:
    """A small convolutional network: pictures with like contents get vectors with a large dot product."""

    def __init__(self, state: dict[str, Floats]) -> None:
        self._state = {name: _as_matrix(value) for name, value in state.items()}
        self._blas = ThreadpoolController()

    @classmethod
    def load(cls, weights: Path) -> Self:
        """Read `vision` of a model folder. Raises `EngineError` naming the file."""
        file = weights / "vision" / "model.safetensors"
        try:
            return cls({name: value.astype(np.float32) for name, value in load_file(file).items()})
        except (OSError, ValueError, SafetensorError) as error:
            raise EngineError(f"the picture encoder in {file} cannot be read ({error}): reinstall Darkroom") from error

    def embed(self, pictures: Sequence[Image.Image]) -> Floats:
        """Pictures of any size -> unit vectors (n, 384)."""
        return np.stack([self._embed(_pixels(each)) for each in pictures])

    def _embed(self, pixels: _Maps) -> Floats:
        # On a busy CPU, threads that wait for each other make so small a product ten times slower.
        with self._blas.limit(limits=1, user_api="blas"):
            maps = self._convolve(pixels, "body.0", side=5, stride=2)
            for residual, halving in STAGES:
                maps = self._convolve(self._residual(maps, f"body.{residual}.body"), f"body.{halving}", stride=2)
            maps = _silu(self._norm(self._residual(maps, "body.7.body"), "body.8"))
            pooled = np.concatenate((maps.mean((0, 1)), maps.max((0, 1))))
            vector = pooled @ self._state["to_text.weight"] + self._state["to_text.bias"]
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def _residual(self, maps: _Maps, name: str) -> _Maps:
        inner = self._convolve(_silu(self._norm(maps, f"{name}.0")), f"{name}.2")
        return maps + self._convolve(_silu(inner), f"{name}.4")

    def _convolve(self, maps: _Maps, name: str, *, side: int = 3, stride: int = 1) -> _Maps:
        edge = side // 2
        padded = np.pad(maps, ((edge, edge), (edge, edge), (0, 0)))
        # (h, w, channels, side, side): the neighbourhood of each pixel
        windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))[::stride, ::stride]
        height, width = windows.shape[:2]
        product = windows.reshape(height * width, -1) @ self._state[f"{name}.weight"]
        return (product + self._state[f"{name}.bias"]).reshape(height, width, -1)

    def _norm(self, maps: _Maps, name: str) -> _Maps:
        height, width, channels = maps.shape
        grouped = maps.reshape(height * width, GROUPS, channels // GROUPS)
        centred = grouped - grouped.mean((0, 2), keepdims=True)
        spread = np.sqrt((centred * centred).mean((0, 2), keepdims=True) + EPS)
        normed = (centred / spread).reshape(height, width, channels)
        return normed * self._state[f"{name}.weight"] + self._state[f"{name}.bias"]


def _as_matrix(value: Floats) -> Floats:
    """Kernels (out, in, side, side) and linear weights (out, in) as matrices (inputs, out); others as they are."""
    return value if value.ndim == 1 else np.ascontiguousarray(value.reshape(len(value), -1).T)


def _pixels(picture: Image.Image) -> _Maps:
    small = picture.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float32) / np.float32(127.5) - np.float32(1)


def _silu(x: _Maps) -> _Maps:
    return (x / (1 + np.exp(-x))).astype(np.float32)
