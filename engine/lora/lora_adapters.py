"""The LoRAs of one loaded model, by the names the host gave them.

A file is read, converted and fitted without touching the model. Only when every tensor of it has a layer, it is
attached to the modules, where it can be active for single rows of a forward pass. Device thread only.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (peft and diffusers leave many types open)

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from engine.batching.lora_hooks import ActiveAdapters, attach, detach_all
from engine.batching.low_rank import LowRank, Misfit, fitted
from engine.errors import InvalidRequest, ModelLoadFailed
from engine.lora.lora_file import Unreadable, read
from engine.lora.lora_pieces import LoRAFile, Pieces, place_of
from engine.model_files.lora_kinds import refusal_of
from engine.model_files.single_file import tensor_names
from engine.settings import LoRASettings

logger = logging.getLogger(__name__)

_Fitted = dict[str, dict[nn.Module, LowRank]]
"""One LoRA: component -> layer -> what it adds there."""
_Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds of a file; (0, 0) when it cannot be read."""
_VERSION = "\n"
"""Stands between a name and what tells its later files apart; no name has it."""
_INPUTS = ("x_embedder", "conv_in")
"""Layers that take a control picture beside the latents, where a LoRA makes them wider."""


@dataclass
class Adapters:
    """The LoRAs of one loaded model."""

    base: Any
    """The model's pipeline."""
    offered: Mapping[str, LoRASettings]
    _keys: dict[str, tuple[_Stamp, str]] = field(default_factory=dict[str, tuple[_Stamp, str]])
    """Under which key each LoRA was last attached, by name: a file that was replaced gets a new one."""
    _bytes: dict[str, int] = field(default_factory=dict[str, int])
    """Bytes of each attached LoRA, by key."""
    _refused: dict[str, tuple[_Stamp, str]] = field(default_factory=dict[str, tuple[_Stamp, str]])
    """Why a LoRA was refused, by name, as long as its file stays the same: reading it takes about a second."""

    @property
    def bytes(self) -> int:
        """Bytes that the attached LoRAs take on the model's device."""
        return sum(self._bytes.values())

    def keyed(self, loras: ActiveAdapters) -> ActiveAdapters:
        """The LoRAs under the keys of their files as they are now; what runs keeps the file it began with."""
        return tuple((self._key(name), weight) for name, weight in loras)

    def attach(self, loras: ActiveAdapters) -> None:
        """Load and attach those that are not attached yet, by their keys: about a second each.

        Raises `InvalidRequest` for a LoRA that does not fit the model.
        """
        for key, _ in loras:
            if key not in self._bytes:
                fitted_layers = self._fitted_once(key.partition(_VERSION)[0])
                for component, layers in fitted_layers.items():
                    attach(self.base.components[component], key, layers)
                self._bytes[key] = _size(fitted_layers)

    def _key(self, name: str) -> str:
        offered = self.offered.get(name)
        stamp = _stamp_of(offered.path.expanduser()) if offered else (0, 0)
        known = self._keys.get(name)
        if known is None:
            known = stamp, name
        elif known[0] != stamp:
            known = stamp, f"{name}{_VERSION}{stamp[1]}"
        self._keys[name] = known
        return known[1]

    def clear(self) -> None:
        """Detach all LoRAs and free their memory."""
        for part in self.base.components.values():
            if isinstance(part, nn.Module):
                detach_all(part)
        self._bytes.clear()

    def _fitted_once(self, name: str) -> _Fitted:
        """As `_fitted`, but a file that was refused is not read again until it changes."""
        if (offered := self.offered.get(name)) is None:
            raise InvalidRequest("loras", f"{name!r} is not there any more")
        stamp = _stamp_of(offered.path.expanduser())
        if (refused := self._refused.get(name)) and refused[0] == stamp:
            raise InvalidRequest("loras", refused[1])
        try:
            return self._fitted(name)
        except InvalidRequest as error:
            self._refused[name] = stamp, error.why
            raise

    def _fitted(self, name: str) -> _Fitted:
        """The file's adapters by layer; the model is not changed. Raises `InvalidRequest` if a tensor has no layer."""
        file = self._read(name)
        fitted_layers: _Fitted = {}
        arrived, why = set[str](), ""
        for (component, layer), pieces in file.layers.items():
            try:
                found = self._layer(component, layer)
                fitted_layers.setdefault(component, {})[found] = _fit(found, pieces, self.offered[name].weight)
                arrived |= pieces.sources
            except Misfit as error:
                logger.debug("LoRA %r, %s of %s: %s", name, layer, component, error)
                why = why or _hint(layer, pieces)
        if lost := file.lost(frozenset(arrived)):
            logger.warning("LoRA %r: no place for %s", name, ", ".join(sorted(lost)[:8]))
            raise InvalidRequest("loras", f"{name!r} {_in_part(file, lost)}{why}")
        return fitted_layers

    def _read(self, name: str) -> LoRAFile:
        path = self.offered[name].path.expanduser()
        try:
            names = tensor_names(path)
        except ModelLoadFailed as error:
            logger.warning("LoRA %r: %s; %s", name, error.why, error.remedy)
            raise InvalidRequest("loras", f"{name!r} has a broken file; tell the person who runs me") from error
        why = refusal_of(names)
        if not hasattr(type(self.base), "lora_state_dict"):
            why = "cannot be used: models of this family take no LoRAs"
        if why:
            raise InvalidRequest("loras", f"{name!r} {why}")
        try:
            return read(path, self.base)
        except Unreadable as error:
            logger.warning("LoRA %r: %s", name, error)
            raise InvalidRequest("loras", f"{name!r} {_not_at_all(len(set(map(place_of, names))))}") from error

    def _layer(self, component: str, name: str) -> nn.Module:
        """The layer of that name; older files name text encoders' layers one level deeper (`text_model.`)."""
        part = self.base.components.get(component)
        layers = dict(part.named_modules()) if isinstance(part, nn.Module) else {}
        for known in (name, name.removeprefix("text_model."), f"text_model.{name}"):
            if known in layers:
                return layers[known]
        raise Misfit("there is no such layer")


def _stamp_of(path: Path) -> _Stamp:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns


def _fit(layer: nn.Module, pieces: Pieces, weight: float) -> LowRank:
    down, up = pieces.tensors.get("down"), pieces.tensors.get("up")
    if down is None or up is None:
        raise Misfit("half of it is missing")
    scale = pieces.scale if pieces.scale is not None else pieces.alpha / down.shape[0] if pieces.alpha else 1.0
    return fitted(layer, down, up, scale * weight, pieces.tensors.get("bias"), pieces.tensors.get("magnitude"))


def _in_part(file: LoRAFile, lost: frozenset[str]) -> str:
    """How much of the file has a place in the model, as the end of a sentence about it."""
    if all(name.endswith(".dora_scale") for name in lost):
        return "holds DoRA scales of columns, or of layers that are divided here; only those of rows can be used"
    every = file.places(file.names)
    placed = every - file.places(lost)
    if not placed:
        return _not_at_all(every)
    return f"fits this model only in part: {placed} of its {every} layers have a place in it"


def _not_at_all(layers: int) -> str:
    return f"does not fit this model: none of its {layers} layers has a place in it"


def _hint(layer: str, pieces: Pieces) -> str:
    if layer.endswith(_INPUTS) and "down" in pieces.tensors:
        return "; it seems to be a Control LoRA, which wants a control picture with every request"
    return ""


def _size(fitted_layers: _Fitted) -> int:
    adapters = [each for layers in fitted_layers.values() for each in layers.values()]
    storages = {
        (storage := tensor.untyped_storage()).data_ptr(): storage.nbytes()
        for each in adapters
        for tensor in each.tensors()
    }
    return sum(storages.values())
