"""Fits a LoRA file to a model's layers, and decides whether what found no layer matters."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from engine.batching.low_rank import LowRank, Misfit, fitted
from engine.errors import InvalidRequest
from engine.lora.lora_pieces import LoRAFile, Pieces, place_of

logger = logging.getLogger(__name__)

_INPUTS = ("x_embedder", "conv_in")
"""Layers that take a control picture beside the latents, where a LoRA makes them wider."""
_TEXT_ENCODER = re.compile(r"^(lora_te\d*_|text_encoders?[._\d]|te\d?[._])")
"""What names of text encoders' tensors begin with, whatever trainer wrote them."""


class _NoLayer(Misfit):
    """The model has no layer of that name."""


@dataclass(frozen=True)
class FittedLoRA:
    """What a LoRA adds to a model's layers."""

    layers: Mapping[str, Mapping[nn.Module, LowRank]]
    """Component -> layer -> what it adds there."""
    note: str = ""
    """For whoever uses it: how much of it has a place in the model; "" where all of it has."""

    @property
    def bytes(self) -> int:
        """Bytes of all tensors; what several share counts once."""
        adapters = [each for layers in self.layers.values() for each in layers.values()]
        storages = {
            (storage := tensor.untyped_storage()).data_ptr(): storage.nbytes()
            for each in adapters
            for tensor in each.tensors()
        }
        return sum(storages.values())


def fit(file: LoRAFile, components: Mapping[str, Any], name: str, weight: float) -> FittedLoRA:
    """Fit a file to a pipeline's components, which are not changed.

    Layers that the model does not have, as those of another text encoder, are left out where most of the file fits.
    Raises `InvalidRequest` for tensors of other shapes, halves of a layer, tensors of no known spelling, and for a
    file of which half or less fits.
    """
    layers: dict[str, dict[nn.Module, LowRank]] = {}
    arrived, absent, why = set[str](), set[str](), ""
    for (component, layer), pieces in file.layers.items():
        try:
            found = _layer(components.get(component), layer)
            layers.setdefault(component, {})[found] = _fit(found, pieces, weight)
            arrived |= pieces.sources
        except Misfit as error:
            logger.debug("LoRA %r, %s of %s: %s", name, layer, component, error)
            absent |= pieces.sources if isinstance(error, _NoLayer) and pieces.is_whole else set()
            why = why or _hint(layer, pieces)
    converted = frozenset[str]().union(*(pieces.sources for pieces in file.layers.values()))
    absent |= _of_other_text_encoders(file.names, converted)
    return FittedLoRA(layers, _judged(file, frozenset(arrived), absent, name, why))


def _of_other_text_encoders(names: frozenset[str], converted: frozenset[str]) -> set[str]:
    """Tensors of text encoders' layers of which nothing was converted for this family."""
    places = {place_of(name) for name in converted}
    return {name for name in names if _TEXT_ENCODER.match(name) and place_of(name) not in places}


def _judged(file: LoRAFile, arrived: frozenset[str], absent: set[str], name: str, hint: str) -> str:
    """The note of a file that can be used. Raises `InvalidRequest`."""
    lost = file.lost(arrived)
    if not lost:
        return ""
    every = file.places(file.names)
    placed = every - file.places(lost)
    logger.warning("LoRA %r: no place for %s", name, ", ".join(sorted(lost)[:8]))
    if lost <= absent and 2 * placed > every:
        return f"LoRA {name} fits in part: {placed} of its {every} layers have a place in this model"
    raise InvalidRequest("loras", f"{name!r} {_in_part(lost, placed, every)}{hint}")


def _layer(part: Any, name: str) -> nn.Module:
    """The layer of that name; older files name text encoders' layers one level deeper (`text_model.`)."""
    layers = dict(part.named_modules()) if isinstance(part, nn.Module) else {}
    for known in (name, name.removeprefix("text_model."), f"text_model.{name}"):
        if known in layers:
            return layers[known]
    raise _NoLayer("there is no such layer")


def _fit(layer: nn.Module, pieces: Pieces, weight: float) -> LowRank:
    down, up = pieces.tensors.get("down"), pieces.tensors.get("up")
    if down is None or up is None:
        raise Misfit("half of it is missing")
    scale = pieces.scale if pieces.scale is not None else pieces.alpha / down.shape[0] if pieces.alpha else 1.0
    return fitted(layer, down, up, scale * weight, pieces.tensors.get("bias"), pieces.tensors.get("magnitude"))


def _in_part(lost: Iterable[str], placed: int, every: int) -> str:
    """How much of a file has a place in the model, as the end of a sentence about it."""
    if all(name.endswith(".dora_scale") for name in lost):
        return "holds DoRA scales of columns, or of layers that are divided here; only those of rows can be used"
    if not placed:
        return not_at_all(every)
    return f"fits this model only in part: {placed} of its {every} layers have a place in it"


def not_at_all(layers: int) -> str:
    """That none of so many layers fits, as the end of a sentence about a file."""
    return f"does not fit this model: none of its {layers} layers has a place in it"


def _hint(layer: str, pieces: Pieces) -> str:
    if layer.endswith(_INPUTS) and "down" in pieces.tensors:
        return "; it seems to be a Control LoRA, which wants a control picture with every request"
    return ""
