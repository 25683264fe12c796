"""A LoRA file, read and converted to the names of a pipeline's own layers. Nothing of the pipeline is touched.

The spelling of every trainer is known to diffusers (`lora_state_dict`, a function of tensors alone). It drops what it
does not know, so each tensor carries along which of the file's it was made of: a file counts as read when all of it
has arrived somewhere.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.utils.state_dict_utils import (
    DIFFUSERS_OLD_TO_PEFT,
    DIFFUSERS_TO_PEFT,
    UNET_TO_DIFFUSERS,
    convert_state_dict,
)
from torch import nn

from engine.batching.forward import is_out_of_memory
from engine.lora.lora_pieces import LoRAFile, Pieces, place_of
from engine.lora.lora_tensors import load

_TEXT = {**DIFFUSERS_OLD_TO_PEFT, **DIFFUSERS_TO_PEFT}
_PIECE = re.compile(r"^(.+)\.lora_(A|B|magnitude_vector)(?:\.default)?(?:\.(weight|bias))?$")
_PIECES = {("A", "weight"): "down", ("B", "weight"): "up", ("B", "bias"): "bias"}
_FAILURES = (ValueError, LookupError, TypeError, AttributeError, RuntimeError, AssertionError)
"""What diffusers raises for names it cannot place."""


class Unreadable(Exception):
    """The file's tensor names follow no naming scheme known for this family."""


def read(path: Path, base: Any) -> LoRAFile:
    """Read the file as a LoRA for the components of the pipeline `base`, whose layers are not looked at yet.

    Tensors are in main memory, as the file has them. Raises `Unreadable`, and what says that memory is short.
    """
    try:
        return _read(path, base)
    except _FAILURES as error:
        if is_out_of_memory(error):
            raise
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def _read(path: Path, base: Any) -> LoRAFile:
    read = set[str]()
    given, metadata = load(path, read)
    stretches = {name: given.pop(name) for name in [*given] if name.endswith(".dora_scale")}
    names = frozenset(given) | frozenset(stretches)
    parts = [name for name, part in base.components.items() if isinstance(part, nn.Module)]
    layers: dict[tuple[str, str], Pieces] = {}
    for name, value in _converted(given, base):
        part, inner = _part_of(name.removeprefix("base_model.model."), parts, _denoiser(base, parts))
        _sort(layers, part, inner, value)
    for (part, layer), pieces in layers.items():
        pieces.scale = _told_scale(metadata, part, layer, pieces.tensors.get("up"))
        pieces.sources = frozenset[str]().union(*(vars(each)["sources"] for each in pieces.tensors.values()))
    for name, stretch in stretches.items():
        _stretch(layers.values(), name, stretch)
    for pieces in layers.values():
        pieces.tensors = {what: each.as_subclass(torch.Tensor) for what, each in pieces.tensors.items()}
    return LoRAFile(layers, names, frozenset(read))


def _converted(given: dict[str, torch.Tensor], base: Any) -> Iterator[tuple[str, Any]]:
    """Names and tensors as diffusers converts them for the pipeline's class; alphas are numbers or tensors."""
    unet: Any = base.components.get("unet")
    blocks = {} if unet is None else {"unet_config": unet.config}
    converted = type(base).lora_state_dict(given, return_lora_metadata=True, return_alphas=True, **blocks)
    state, *more = converted if isinstance(converted, tuple) else (converted,)
    yield from state.items()
    if len(more) > 1 and more[0]:
        yield from more[0].items()


def _denoiser(base: Any, parts: list[str]) -> str:
    """The component that is meant where a name begins with none."""
    known = (getattr(base, "transformer_name", ""), getattr(base, "unet_name", ""), "transformer", "unet")
    return next((name for name in known if name in parts), "")


def _part_of(name: str, parts: list[str], denoiser: str) -> tuple[str, str]:
    first, _, rest = name.partition(".")
    return (first, rest) if first in parts else (denoiser, name)


def _sort(layers: dict[tuple[str, str], Pieces], part: str, name: str, value: Any) -> None:
    """Put a converted tensor to the others of its layer; what is of no known spelling goes nowhere."""
    spelling = _TEXT if part.startswith("text_encoder") else UNET_TO_DIFFUSERS
    if name.endswith(".alpha"):
        layer = _renamed(name.removesuffix(".alpha"), spelling).split(".lora_")[0]
        layers.setdefault((part, layer), Pieces()).alpha = float(value.item() if hasattr(value, "item") else value)
    elif found := _PIECE.match(_renamed(name, spelling)):
        layer, letter, kind = found.groups()
        what = "magnitude" if letter == "magnitude_vector" else _PIECES.get((letter, kind))
        if what is not None:
            layers.setdefault((part, layer), Pieces()).tensors[what] = value


def _renamed(name: str, spelling: Mapping[str, str]) -> str:
    return next(iter(convert_state_dict({name: None}, spelling)))


def _told_scale(metadata: Mapping[str, Any], part: str, layer: str, up: torch.Tensor | None) -> float | None:
    """The scale by diffusers' own metadata, which is PEFT's configuration for each component."""
    if up is None or f"{part}.lora_alpha" not in metadata:
        return None
    from peft.utils.other import get_pattern_key  # a worker without LoRAs does not import peft

    pattern = metadata.get(f"{part}.alpha_pattern") or {}
    alpha = pattern.get(get_pattern_key(list(pattern), layer), metadata[f"{part}.lora_alpha"])
    return alpha / (up.shape[1] ** 0.5 if metadata.get(f"{part}.use_rslora") else up.shape[1])


def _stretch(layers: Iterable[Pieces], name: str, stretch: torch.Tensor) -> None:
    """Let kohya's `dora_scale` be the magnitude of the one layer that its module became.

    Only lengths of rows, (out, 1), are DoRA's; those of columns, and of layers that were divided, are left lost.
    """
    place = place_of(name)
    found = [pieces for pieces in layers if place in {place_of(source) for source in pieces.sources}]
    if len(found) == 1 and "up" in found[0].tensors and stretch.shape[0] == found[0].tensors["up"].shape[0]:
        found[0].tensors["magnitude"] = stretch
        found[0].sources |= {name}
