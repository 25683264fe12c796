"""The LoRAs of one loaded model, by the names the host gave them.

A file is read, converted and fitted without touching the model. Only when everything that matters of it has a layer,
it is attached to the modules, where it can be active for single rows of a forward pass. Device thread only.
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
from engine.errors import InvalidRequest, ModelLoadFailed
from engine.lora.lora_file import Unreadable, read
from engine.lora.lora_fitting import FittedLoRA, fit, not_at_all
from engine.lora.lora_pieces import LoRAFile, place_of
from engine.model_files.lora_kinds import refusal_of
from engine.model_files.single_file import tensor_names
from engine.settings import LoRASettings

logger = logging.getLogger(__name__)

_Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds of a file; (0, 0) when it cannot be read."""
_VERSION = "\n"
"""Stands between a name and what tells its later files apart; no name has it."""


@dataclass
class Adapters:
    """The LoRAs of one loaded model."""

    base: Any
    """The model's pipeline."""
    offered: Mapping[str, LoRASettings]
    _keys: dict[str, tuple[_Stamp, str]] = field(default_factory=dict[str, tuple[_Stamp, str]])
    """Under which key each LoRA was last attached, by name: a file that was replaced gets a new one."""
    _attached: dict[str, FittedLoRA] = field(default_factory=dict[str, FittedLoRA])
    """By key."""
    _refused: dict[str, tuple[_Stamp, str]] = field(default_factory=dict[str, tuple[_Stamp, str]])
    """Why a LoRA was refused, by name, as long as its file stays the same: reading it takes about a second."""

    @property
    def bytes(self) -> int:
        """Bytes that the attached LoRAs take on the model's device."""
        return sum(fitted.bytes for fitted in self._attached.values())

    def keyed(self, loras: ActiveAdapters) -> ActiveAdapters:
        """The LoRAs under the keys of their files as they are now; what runs keeps the file it began with."""
        return tuple((self._key(name), weight) for name, weight in loras)

    def attach(self, loras: ActiveAdapters) -> list[str]:
        """Load and attach those that are not attached yet, by their keys: about a second each.

        Returns notes for the member. Raises `InvalidRequest` for a LoRA that does not fit the model.
        """
        for key, _ in loras:
            if key not in self._attached:
                fitted = self._fitted_once(key.partition(_VERSION)[0])
                for component, layers in fitted.layers.items():
                    attach(self.base.components[component], key, layers)
                self._attached[key] = fitted
        return [note for key, _ in loras if (note := self._attached[key].note)]

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
        self._attached.clear()

    def _fitted_once(self, name: str) -> FittedLoRA:
        """The file's adapters by layer; a file that was refused is not read again until it changes."""
        if (offered := self.offered.get(name)) is None:
            raise InvalidRequest("loras", f"{name!r} is not there any more")
        stamp = _stamp_of(offered.path.expanduser())
        if (refused := self._refused.get(name)) and refused[0] == stamp:
            raise InvalidRequest("loras", refused[1])
        try:
            return fit(self._read(name), self.base.components, name, self.offered[name].weight)
        except InvalidRequest as error:
            self._refused[name] = stamp, error.why
            raise

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
            raise InvalidRequest("loras", f"{name!r} {not_at_all(len(set(map(place_of, names))))}") from error


def _stamp_of(path: Path) -> _Stamp:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns
