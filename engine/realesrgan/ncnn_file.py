"""Weights out of ncnn's two files: `.param` lists the layers in words, `.bin` has their numbers one after another.

Layers without weights are skipped. Of each Convolution the `.bin` has a tag of 4 bytes, the weights as the tag says,
padded to 4 bytes, then the bias as float32; of each PReLU its slopes as float32, without a tag.
Source: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = "7767517"
_DTYPES = {0x00000000: np.dtype("<f4"), 0x01306B47: np.dtype("<f2")}
_FLOAT = np.dtype("<f4")

Numbers = NDArray[np.float16] | NDArray[np.float32]


class BrokenNcnnFile(Exception):
    """The two files are not what was expected of them.

    Args:
        why: What is wrong, in words.
    """

    def __init__(self, why: str) -> None:
        super().__init__(f"the ncnn files cannot be read: {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class WeightedLayer:
    """A Convolution with its bias, or a PReLU."""

    name: str
    weight: Numbers
    """(channels out, channels in, height, width) of a Convolution, (channels,) of a PReLU."""
    bias: Numbers | None = None
    """(channels out,)"""


def read_layers(param: str, numbers: bytes) -> tuple[WeightedLayer, ...]:
    """All layers that have weights, in the order in which they run.

    Args:
        param: The text of the `.param` file.
        numbers: The content of the `.bin` file.

    Raises:
        BrokenNcnnFile: the text is no ncnn graph, a layer is stored in a way that is not known, or the two files do
            not end together.
    """
    lines = param.split("\n")
    if lines[0].strip() != _MAGIC:
        raise BrokenNcnnFile("the first line of .param is not ncnn's")
    reader = _Reader(numbers)
    layers = [layer for line in lines[2:] if (layer := _layer(line.split(), reader)) is not None]
    if reader.place != len(numbers):
        raise BrokenNcnnFile(f"{len(numbers) - reader.place} bytes of .bin belong to no layer")
    return tuple(layers)


class _Reader:
    """A place in the `.bin` file."""

    def __init__(self, numbers: bytes) -> None:
        self._numbers = numbers
        self.place = 0

    def floats(self, count: int) -> Numbers:
        return self._take(count, _FLOAT)

    def tagged(self, count: int) -> Numbers:
        tag = int(self._take(1, np.dtype("<u4"))[0])
        if tag not in _DTYPES:
            raise BrokenNcnnFile(f"weights with the tag {tag:#010x} are neither float32 nor float16")
        found = self._take(count, _DTYPES[tag])
        self.place += -self.place % 4
        return found

    def _take(self, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        end = self.place + count * dtype.itemsize
        if end > len(self._numbers):
            raise BrokenNcnnFile(".bin ends before the last layer has its weights")
        found = np.frombuffer(self._numbers, dtype, count, self.place)
        self.place = end
        return found


def _layer(words: list[str], reader: _Reader) -> WeightedLayer | None:
    """A line reads: kind, name, counts of inputs and outputs, their names, then `key=value` with numbers as keys."""
    if not words or words[0] not in ("Convolution", "PReLU"):
        return None
    kind, name = words[:2]
    options = dict(word.split("=", 1) for word in words if "=" in word)
    channels = int(options["0"])
    if kind == "PReLU":
        return WeightedLayer(name, reader.floats(channels))
    side, count = int(options["1"]), int(options["6"])
    weight = reader.tagged(count).reshape(channels, -1, side, side)
    return WeightedLayer(name, weight, reader.floats(channels) if options.get("5") == "1" else None)
