"""A model's control networks, as its files and the host's settings say, and the requests that they can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.model_files.control_files import read_control
from engine.model_files.diffusers_folder import read_json
from engine.model_files.local_models import find_pulled
from engine.model_spec import ModelSpec
from engine.pipelines.controls import OWN, ControlNetwork, needs_control, plain_class
from engine.settings import ControlType

_BROUGHT: ControlType = "as_it_is"
"""What a network is named for that a model brings itself: nothing in its files says what it was trained on."""

Controls = Mapping[ControlType, ControlNetwork]


def own_controls(pipeline: str, folder: Path) -> Controls:
    """What a folder brings itself, where its index names a class for control."""
    if needs_control(pipeline):
        return {_BROUGHT: ControlNetwork("")}
    plain = plain_class(pipeline)
    if plain == pipeline:
        return {}
    denoiser, own = _denoiser(folder), folder / ("adapter" if "Adapter" in pipeline else "controlnet")
    return {_BROUGHT: read_control(plain, denoiser, _BROUGHT, OWN, str(own))}


def chosen_controls(base: ModelSpec, chosen: Mapping[ControlType, str], models_dir: Path) -> Controls:
    """The host's choice beside what the model brings; nothing is refused here, a `flaw` says what cannot be used."""
    own = base.controls.get(_BROUGHT)
    kept: dict[ControlType, ControlNetwork] = {
        type_: each for type_, each in base.controls.items() if each is not own or OWN not in chosen.values()
    }
    denoiser = _denoiser_of(base, models_dir)
    for type_, location in chosen.items():
        if location == OWN and own is not None and not own.network:
            kept[type_] = own
        else:
            kept[type_] = read_control(base.pipeline, denoiser, type_, location, own.location if own else "")
    first: dict[ControlType, ControlNetwork] = {type_: kept[type_] for type_ in chosen}
    return {**first, **kept}


def _denoiser_of(spec: ModelSpec, models_dir: Path) -> Mapping[str, Any]:
    source = spec.configuration if spec.source.origin == "file" else spec.source
    if source is None:
        return {}
    folder = find_pulled(source, models_dir) if source.origin == "hub" else Path(source.location)
    return {} if folder is None else _denoiser(folder)


def _denoiser(folder: Path) -> Mapping[str, Any]:
    for config in ("unet/config.json", "transformer/config.json"):
        if (folder / config).is_file():
            return read_json(folder, config)
    return {}
