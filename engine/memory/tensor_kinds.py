"""Sorts a component's tensors, by names and shapes, into what each precision makes of them. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import prod

from engine.memory.elements import Elements, total
from engine.memory.model_sizes import Role

_BLOCK = re.compile(r"(?:^|\.)(?:\w*blocks?|\w*layers?|\w*refiner)\.(\d+)(?=\.)")
"""One of a list of equal parts: "transformer_blocks.7", "text_model.encoder.layers.3"."""
_DENOISER_BLOCK = re.compile(
    r"(?:^|\.)(?:\w*blocks?|\w*layers?|\w*refiner|attentions|resnets|\w*samplers)(?:\.\d+)+(?=\.)"
)
"""The same in a denoiser, with the parts that a UNet's blocks are made of: "down_blocks.1.resnets.0"."""
_TABLE = re.compile(r"embed_tokens|token_embedding|position_embedding|word_embeddings|(?:^|\.)shared\.|relative_att")
_WIDE = re.compile(
    r"norm|pos_embed|patch_embed|^proj_in\.|^proj_out\.|t_embedder|cap_embedder|time_embed|lm_head|\.wo\."
)
"""What float8 storage leaves as it is: diffusers' list, those of its classes that weigh anything, and in encoders
what `engine.loading.weight_precision` leaves."""

Shapes = Mapping[str, tuple[int, ...]]


def sorted_elements(shapes: Shapes, role: Role) -> tuple[Elements, tuple[Elements, ...]]:
    """What is in no block, and each block, in the order of the names."""
    blocks: dict[str, list[Elements]] = {"": []}
    for name, block in blocks_of(shapes, role).items():
        blocks.setdefault(block, []).append(_kind(name, shapes[name], role))
    outside = blocks.pop("")
    return total(outside), tuple(total(each) for each in blocks.values())


def blocks_of(names: Iterable[str], role: Role) -> dict[str, str]:
    """Tensor -> the block that it is in ("transformer_blocks.7"), "" for none.

    Of blocks within blocks the outer one counts. In a denoiser, whose blocks may pass through the device one by one,
    the inner one counts, and what an outer one holds besides is in none.
    """
    if role != "denoiser":
        return {name: name[: found.end()] if (found := _BLOCK.search(name)) else "" for name in names}
    inner = {name: _innermost(name) for name in names}
    outer = {block[: at.start()] for block in set(inner.values()) for at in re.finditer(r"\.", block)}
    return {name: "" if block in outer else block for name, block in inner.items()}


def _innermost(name: str) -> str:
    *_, end = 0, *(found.end() for found in _DENOISER_BLOCK.finditer(name))
    return name[:end]


def _kind(name: str, shape: Iterable[int], role: Role) -> Elements:
    shape = tuple(shape)
    count = prod(shape)
    if len(shape) < 2 or not name.endswith(("weight", "_proj")):  # experts may be parameters without a layer
        return Elements(rest=count)
    is_wide = _WIDE.search(name) is not None
    if len(shape) > 2 or _TABLE.search(name):
        # Words and first convolutions of encoders are looked up, not multiplied: nothing is gained by rounding them.
        return Elements(rest=count) if is_wide or role == "encoder" else Elements(tables=count)
    return Elements(modulation=count) if is_wide else Elements(linear=count)
