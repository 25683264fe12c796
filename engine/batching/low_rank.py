"""One LoRA in one layer: what it adds to the layer's output, as stock PEFT adds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from engine.batching.weight_tensors import EXECUTES_ON, can_widen

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
_CONVOLVE = {3: functional.conv1d, 4: functional.conv2d, 5: functional.conv3d}
"""By the number of dimensions of the weight."""


class Misfit(Exception):
    """A LoRA's tensors are not of this layer."""


@dataclass(frozen=True, slots=True)
class Norms:
    """Squared row norms of W + s BA as a polynomial in s, so that no weight needs a copy: three (out,) float32."""

    constant: torch.Tensor
    linear: torch.Tensor
    square: torch.Tensor

    def at(self, scale: float) -> torch.Tensor:
        """The row norms, (out,)."""
        return (self.constant + scale * self.linear + scale**2 * self.square).clamp(min=0).sqrt()


@dataclass(frozen=True, slots=True)
class LowRank:
    """W + scale BA in place of W; with a magnitude (DoRA, arXiv 2402.09353) its rows are stretched to that length."""

    down: torch.Tensor
    """A: (rank, in), for a convolution (rank, in, *kernel)."""
    up: torch.Tensor
    """B: (out, rank), for a convolution (out, rank, *ones)."""
    scale: float
    bias: torch.Tensor | None = None
    """Of B: (out,)."""
    magnitude: torch.Tensor | None = None
    """(out,)"""
    norms: Norms | None = None

    def applied(self, layer: nn.Module, x: torch.Tensor, output: torch.Tensor, weight: float) -> torch.Tensor:
        """The layer's output for input `x` with this adapter at `weight`, from its `output` without the adapter."""
        scale = self.scale * weight
        added = self._low(layer, x) * scale
        if self.magnitude is None or self.norms is None:
            return output + added.to(output.dtype)
        stretch = _over_channels((self.magnitude / self.norms.at(scale)).to(output.dtype), self.up.ndim)
        bias = layer.bias if isinstance(layer.bias, torch.Tensor) else None
        plain = output if bias is None else output - _over_channels(bias.to(output.dtype), self.up.ndim)
        return output + (stretch - 1) * plain + stretch * added.to(output.dtype)

    def tensors(self) -> Iterator[torch.Tensor]:
        """All that takes memory."""
        norms = (self.norms.constant, self.norms.linear, self.norms.square) if self.norms else ()
        yield from (each for each in (self.down, self.up, self.bias, self.magnitude, *norms) if each is not None)

    def _low(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        down, up = self.down.to(x.dtype), self.up.to(x.dtype)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            # The layer's own method knows its stride and how its borders are padded just now.
            return _CONVOLVE[up.ndim](layer._conv_forward(x, down, None), up, bias)  # pyright: ignore[reportPrivateUsage]
        return functional.linear(functional.linear(x, down), up, bias)


def fitted(
    layer: nn.Module,
    down: torch.Tensor,
    up: torch.Tensor,
    scale: float,
    bias: torch.Tensor | None = None,
    magnitude: torch.Tensor | None = None,
) -> LowRank:
    """The tensors of a file as an adapter of this layer, in its dtype and where it computes; the layer is not changed.

    Raises `Misfit` where shapes differ, or for a kind of layer that takes no adapter.
    """
    if not isinstance(layer, Layer) or isinstance(layer, NonDynamicallyQuantizableLinear):
        raise Misfit("no linear layer or convolution")
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and layer.groups != 1:
        raise Misfit("a convolution in groups")
    weight = layer.weight
    down, up = _with_dims(down, weight.ndim), _with_dims(up, weight.ndim)
    # What a quantised weight says of its shape may be that of its packed bytes.
    shape = (layer.out_features, layer.in_features) if isinstance(layer, nn.Linear) else tuple(weight.shape)
    rank, channels = up.shape[1] if up.ndim > 1 else 0, shape[0]
    shapes = (rank, *shape[1:]), (channels, rank, *(1,) * (len(shape) - 2))
    if not rank or (tuple(down.shape), tuple(up.shape)) != shapes:
        raise Misfit("another shape")
    if any(each is not None and each.numel() != channels for each in (bias, magnitude)):
        raise Misfit("another shape")
    device = vars(layer).get(EXECUTES_ON, weight.device)
    dtype = weight.dtype if weight.is_floating_point() and weight.itemsize > 1 else down.dtype
    down, up = down.to(device, dtype), up.to(device, dtype)
    bias = None if bias is None else bias.to(device, dtype)
    if magnitude is None:
        return LowRank(down, up, scale, bias)
    if bias is not None or not can_widen(layer):
        raise Misfit("a magnitude beside a bias, or over quantized weights")
    return LowRank(down, up, scale, None, magnitude.flatten().to(device).float(), _norms(weight.to(device), down, up))


def _norms(weight: torch.Tensor, down: torch.Tensor, up: torch.Tensor) -> Norms:
    rows = weight.detach().flatten(1).float()
    change = up.flatten(1).float() @ down.flatten(1).float()
    return Norms(rows.square().sum(1), 2 * (rows * change).sum(1), change.square().sum(1))


def _over_channels(values: torch.Tensor, weight_dims: int) -> torch.Tensor:
    """(out,) so that it acts on the output's channels: the last dimension, in convolutions the second."""
    return values.view(-1, *(1,) * (weight_dims - 2))


def _with_dims(tensor: torch.Tensor, dims: int) -> torch.Tensor:
    """A linear layer and a convolution with a kernel of 1 are the same: trainers write the one for the other."""
    if tensor.ndim == 2 < dims:
        return tensor.reshape(*tensor.shape, *(1,) * (dims - 2))
    if dims == 2 < tensor.ndim and set(tensor.shape[2:]) == {1}:
        return tensor.flatten(1)
    return tensor
