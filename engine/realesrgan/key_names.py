"""Real-ESRGAN's own names of weights, as spandrel, ComfyUI and other tools read them.

Source: https://github.com/xinntao/Real-ESRGAN (SRVGGNetCompact), https://github.com/XPixelGroup/BasicSR (RRDBNet)
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.realesrgan.ncnn_file import BrokenNcnnFile, Numbers, WeightedLayer

_IN_A_BLOCK = tuple(f"rdb{block}.conv{layer}" for block in (1, 2, 3) for layer in (1, 2, 3, 4, 5))
_AFTER_THE_BLOCKS = ("conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last")


def named(layers: Sequence[WeightedLayer]) -> dict[str, Numbers]:
    """The weights by name: SRVGGNetCompact where there are PReLUs, else RRDBNet.

    Raises:
        BrokenNcnnFile: the number of layers fits neither.
    """
    is_compact = any(layer.bias is None for layer in layers)
    names = [f"body.{number}" for number in range(len(layers))] if is_compact else _of_rrdb(len(layers))
    found: dict[str, Numbers] = {}
    for name, layer in zip(names, layers, strict=True):
        found[f"{name}.weight"] = layer.weight
        if layer.bias is not None:
            found[f"{name}.bias"] = layer.bias
    return found


def _of_rrdb(count: int) -> list[str]:
    blocks, left = divmod(count - 1 - len(_AFTER_THE_BLOCKS), len(_IN_A_BLOCK))
    if blocks < 1 or left:
        raise BrokenNcnnFile(f"{count} convolutions make no RRDBNet")
    inner = [f"body.{block}.{layer}" for block in range(blocks) for layer in _IN_A_BLOCK]
    return ["conv_first", *inner, *_AFTER_THE_BLOCKS]
