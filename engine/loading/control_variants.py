"""A model's variants with a control network: the very same components, and the network beside them."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn

from engine.batching.module_proxies import ANSWERS_A_LIST
from engine.loading.pipeline_classes import build
from engine.loading.same_weights import module_with_same_weights
from engine.model_spec import ModelSpec
from engine.pipelines.controls import LORA, ControlNetwork

LISTED_RESIDUALS = "down_intrablock_additional_residuals"


def with_control(spec: ModelSpec, base: Any, network: ControlNetwork, device: torch.device, dtype: torch.dtype) -> Any:
    """A pipeline like `base` that also looks at a control picture; everything of `base` is shared.

    Raises what diffusers raises for files that do not fit.
    """
    if network.network == LORA:
        cls: Any = getattr(diffusers, network.pipeline(spec.pipeline))
        return _with_lora(cls, base, Path(network.location))
    read: Any = _read(network, dtype)
    read = read.to(device).requires_grad_(False).eval()
    if network.component == "adapter":
        setattr(read, ANSWERS_A_LIST, True)
    made = with_same_network(spec, base, network, read)
    read.register_forward_hook(_as_tuples)
    return made


def with_same_network(spec: ModelSpec, base: Any, network: ControlNetwork, read: nn.Module) -> Any:
    """A pipeline like `base` with a control network that was made ready for another one."""
    cls: Any = getattr(diffusers, network.pipeline(spec.pipeline))
    if network.component == "adapter" and isinstance(base.unet, UNet2DConditionModel):
        base.unet.register_forward_pre_hook(_as_list, with_kwargs=True)
    return build(cls, base, {**base.components, network.component: read})


def _read(network: ControlNetwork, dtype: torch.dtype) -> nn.Module:
    folder = Path(network.location)
    plain = folder / "diffusion_pytorch_model.safetensors"
    is_plain = plain.is_file() or any(folder.glob("*.index.json"))
    cls: Any = getattr(diffusers, network.network)
    module, found = cls.from_pretrained(
        str(folder),
        variant=None if is_plain else "fp16",
        use_safetensors=True,
        local_files_only=True,
        dtype=dtype,
        output_loading_info=True,
    )
    if found["missing_keys"] or found["mismatched_keys"]:
        raise ValueError("its weights do not fit its configuration")
    return module


def _with_lora(cls: Any, base: Any, file: Path) -> Any:
    """A Control LoRA widens what looks at the picture, so its transformer is one of its own around the same weights."""
    own = module_with_same_weights(base.transformer)
    made = build(cls, base, {**base.components, "transformer": own})
    made.load_lora_weights(str(file.parent), weight_name=file.name, local_files_only=True)
    own.requires_grad_(False).eval()
    return made


def _as_tuples(_: nn.Module, __: Any, output: Any) -> Any:
    """Lists of whole batches become tuples: a list is taken for one with an entry for each row."""
    if isinstance(output, list):
        return tuple(output)
    if isinstance(output, tuple):
        return tuple(tuple(part) if isinstance(part, list) else part for part in output)
    return output


def _as_list(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The UNet takes an adapter's states away from the list that it is given: so it gets a list of its own."""
    given = kwargs.get(LISTED_RESIDUALS)
    return args, kwargs if given is None else {**kwargs, LISTED_RESIDUALS: list(given)}
