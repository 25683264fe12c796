"""Loads a model's control networks beside it; one that cannot be used is named, and the model draws without it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.base.foreign_errors import FAILURES, reason
from engine.batching.forward import is_out_of_memory
from engine.loading.control_variants import with_control, with_same_network
from engine.loading.loaded_model import LoadedModel
from engine.model_files.control_files import control_files
from engine.model_files.tool_files import adapter_files
from engine.pipelines.controls import LORA, ControlNetwork, takes_style
from engine.settings import ControlType

logger = logging.getLogger(__name__)


def load_controls(model: LoadedModel, identity: Callable[[tuple[Path, ...]], str]) -> LoadedModel:
    """The model with a variant for every network of its `spec`; those of one file or folder share it.

    The variant with a style adapter gets variants too, with the same networks. `identity` gives the hash of the
    model's files together with further ones.
    """
    variants: dict[str, LoadedModel | str] = {}
    for network in model.spec.controls.values():
        if network.location not in variants and not network.flaw:
            variants[network.location] = _variant(model, network, identity) if network.location else model
    found: dict[ControlType, LoadedModel] = {}
    flaws: dict[ControlType, str] = {}
    for type_, network in model.spec.controls.items():
        made = network.flaw or variants[network.location]
        if isinstance(made, str):
            flaws[type_] = made
            logger.warning("%s: no control pictures of the kind %s; %s", model.spec.name, type_, made)
        else:
            found[type_] = made
    if model.styled is not None:
        model.styled.with_controls(_styled(model, model.styled, found, identity), {})
    return model.with_controls(found, flaws)


def _styled(
    model: LoadedModel,
    styled: LoadedModel,
    found: Mapping[ControlType, LoadedModel],
    identity: Callable[[tuple[Path, ...]], str],
) -> dict[ControlType, LoadedModel]:
    """The variants that follow a style picture too, of those classes that take both; one for each network."""
    spec = model.spec
    made: dict[str, LoadedModel] = {}
    for type_, controlled in found.items():
        network = spec.controls[type_]
        if network.location in made or not takes_style(network, spec.pipeline):
            continue
        base = with_same_network(spec, styled.base, network, controlled.parkable[network.component])
        files = (*adapter_files(str(spec.style_adapter), spec.style_encoder), *control_files(network))
        made[network.location] = LoadedModel(
            spec, base, model.device, model.dtype, identity(files), model.previewer, model.stages,
            adapters=styled.adapters, has_style=True,
        )  # fmt: skip
    return {type_: made[place] for type_ in found if (place := spec.controls[type_].location) in made}


def _variant(
    model: LoadedModel, network: ControlNetwork, identity: Callable[[tuple[Path, ...]], str]
) -> LoadedModel | str:
    """The variant, or why there is none."""
    try:
        base = with_control(model.spec, model.base, network, model.device, model.dtype)
    except (*FAILURES, AttributeError, NotImplementedError) as error:
        if is_out_of_memory(error):
            raise
        return f"{Path(network.location).name} cannot be used: {reason(error)}"
    # LoRAs hang on the modules, which are the model's own but for a Control LoRA's transformer.
    adapters = None if network.network == LORA else model.adapters
    return LoadedModel(
        model.spec,
        base,
        model.device,
        model.dtype,
        identity(control_files(network)),
        model.previewer,
        model.stages,
        model.adapters.offered if adapters is None else None,
        adapters=adapters,
    )
