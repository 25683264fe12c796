"""Checks whether a control network fits a model, by its files alone. A flaw never keeps the model from drawing.

Torch-free.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from engine.errors import ModelLoadFailed
from engine.model_files.single_file import tensor_names
from engine.pipelines.controls import CLASSES, LORA, OWN, ControlNetwork, network_of
from engine.settings import ControlType

_ADAPTERS: Mapping[str, tuple[int, ...]] = {"PocketDenoiser": (64, 32, 128)}
"""What denoisers without `block_out_channels` take of a T2I-Adapter, level by level."""


def read_control(
    pipeline: str, denoiser: Mapping[str, Any], type_: ControlType, location: str, own: str = ""
) -> ControlNetwork:
    """What lies at `location` as a control network of a model of that pipeline's class.

    Args:
        pipeline: The class that draws without control.
        denoiser: The configuration of its UNet or transformer; {} where it is not here.
        type_: The kind of control picture that it is named for.
        location: A folder, a LoRA file, or "own".
        own: Where the model's own network lies.
    """
    if location == OWN:
        if not own:
            return ControlNetwork("", flaw="the model brings none of its own")
        location = own
    path = Path(location)
    if path.suffix == ".safetensors":
        return _lora(pipeline, path)
    config = _config(path)
    if config is None:
        return ControlNetwork(location, flaw=f"{path.name} is no folder with a config.json")
    network = str(config.get("_class_name"))
    flaw = _misfit(pipeline, denoiser, config, path.name) or _unreadable(path)
    if flaw or network not in CLASSES:
        return ControlNetwork(location, network, flaw=flaw)
    found = network_of(location, network, type_)
    # A FLUX.1 ControlNet counts kinds of maps only where it says how many.
    is_told = network != "FluxControlNetModel" or config.get("num_mode")
    return found if is_told else replace(found, mode=None, flaw="")


def control_files(network: ControlNetwork) -> tuple[Path, ...]:
    """Its weights."""
    path = Path(network.location)
    return (path,) if path.is_file() else tuple(sorted(path.glob("*.safetensors")))


def _lora(pipeline: str, file: Path) -> ControlNetwork:
    if pipeline not in CLASSES[LORA].pipelines:
        return ControlNetwork(
            str(file), LORA, flaw=f"{file.name} is a file, which is taken as a Control LoRA; {_for(LORA)}"
        )
    try:
        names = tensor_names(file)
    except ModelLoadFailed as error:
        return ControlNetwork(str(file), LORA, flaw=error.why)
    if not any("lora" in name.lower() and ("x_embedder" in name or "img_in" in name) for name in names):
        return ControlNetwork(
            str(file), LORA, flaw=f"{file.name} is no Control LoRA: it adds nothing to what looks at the picture"
        )
    return ControlNetwork(str(file), LORA)


def _misfit(pipeline: str, denoiser: Mapping[str, Any], config: Mapping[str, Any], name: str) -> str:
    network = str(config.get("_class_name"))
    known = CLASSES.get(network)
    if known is None:
        return f"{name} is a {network}, which is no control network that is known here"
    if pipeline not in known.pipelines:
        return f"{name} is a {network}; {_for(network)}"
    for key in known.alike:
        ours, theirs = denoiser.get(key), config.get(key)
        if ours is not None and theirs is not None and ours != theirs:
            return f"{name} was made for models with {key} {theirs}, and this one has {ours}"
    wanted = denoiser.get("block_out_channels") or _ADAPTERS.get(str(denoiser.get("_class_name")))
    channels = config.get("channels")
    if known.component == "adapter" and wanted and channels and list(channels) != list(wanted):
        return f"{name} was made for models with {list(channels)} channels, and this one has {list(wanted)}"
    return ""


def _for(network: str) -> str:
    return "it is for " + " and ".join(sorted(CLASSES[network].pipelines))


def _unreadable(folder: Path) -> str:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        return f"there are no .safetensors in {folder.name}"
    try:
        for file in files:
            tensor_names(file)
    except ModelLoadFailed as error:
        return error.why
    return ""


def _config(folder: Path) -> Mapping[str, Any] | None:
    try:
        read: object = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return None
    return cast("Mapping[str, Any]", read) if isinstance(read, dict) else None
