"""A diffusion model in memory: shared weights, and a fresh pipeline object for every lane."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import copy
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Self

import diffusers
import torch
from diffusers.guiders.guider_utils import BaseGuidance
from diffusers.modular_pipelines.modular_pipeline import ModularPipeline
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import nn

from engine.batching.attention_processors import AttentionProcessors
from engine.batching.forward import COMPILED
from engine.batching.lora_hooks import ActiveAdapters
from engine.batching.style_scale import STYLE
from engine.batching.weight_tensors import EXECUTES_ON, STREAMED, can_widen, weight_bytes
from engine.loading.pipeline_classes import Task, build, class_for
from engine.lora.lora_adapters import Adapters
from engine.model_spec import ModelSpec
from engine.previews.previewer import Previewer
from engine.requests import Blend, ImageRequest
from engine.settings import ControlType, LoRASettings

Wrap = Callable[[str, nn.Module], Any]
_EXCHANGES, _LISTENS = re.compile("attn_proc|set_processor"), "register_forward"
_OF_ONE_SOLVER = frozenset({"algorithm_type", "solver_type"})
"""Options whose values one class knows and another refuses: the stochastic DPM-Solver++ means nothing to DEIS."""
_OF_ONE_CLASS = _OF_ONE_SOLVER | {"use_karras_sigmas", "use_exponential_sigmas"}
"""Options that belong to the noise scheduler a host has named, and to no other that a request names."""
_SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2")
"""Training schedules that every noise scheduler computes."""
VAE_NAMES = ("vae", "movq", "vqvae", "vqgan")


class LoadedModel:
    """One model's weights on one device; lanes share the weights and nothing else."""

    def __init__(
        self,
        spec: ModelSpec,
        base: Any,
        device: torch.device,
        dtype: torch.dtype,
        hash_: str,
        previewer: Previewer,
        stages: tuple[LoadedModel, ...] = (),
        loras: Mapping[str, LoRASettings] | None = None,
        styled: LoadedModel | None = None,
        adapters: Adapters | None = None,
        *,
        has_style: bool = False,
    ) -> None:
        self.spec, self.device, self.dtype, self.hash = spec, device, dtype, hash_
        self.previewer = previewer
        self.stages = stages
        """Models that enlarge what this one draws, in order (DeepFloyd IF)."""
        self.base = base
        """The pipeline as loaded. Never run it: its noise scheduler is the template of all lanes."""
        self.adapters = adapters or Adapters(base, loras or {})
        """LoRAs beside the shared weights. Device thread only."""
        self.parkable: dict[str, nn.Module] = {
            name: part for name, part in base.components.items() if isinstance(part, nn.Module)
        }
        """Component name -> shared module: denoisers, text encoders, VAEs."""
        self.has_style = has_style
        """Whether a style adapter is part of it."""
        self.styled = styled
        """The same weights with a style adapter, for requests with a style picture."""
        self.controls: Mapping[ControlType, LoadedModel] = {}
        """The same weights with a control network, by what a control picture says; filled in by `load`."""
        self.control_flaws: Mapping[ControlType, str] = {}
        """Why those that are not there cannot be used."""
        self._class_for = functools.cache(functools.partial(class_for, base))
        self._count(styled)

    def with_controls(self, controls: Mapping[ControlType, LoadedModel], flaws: Mapping[ControlType, str]) -> Self:
        """This model itself, with variants for control pictures; `flaws` says which others cannot be had."""
        self.controls, self.control_flaws = controls, flaws
        self._count(self.styled, *controls.values())
        return self

    def _count(self, *variants: LoadedModel | None) -> None:
        every = [*self.parkable.values()]
        for variant in variants:
            every += variant.parkable.values() if variant else ()
        self._weights_bytes = weight_bytes(module for module in every if EXECUTES_ON not in vars(module))
        self._weights_bytes += sum(vars(module)[STREAMED].bytes for module in every if STREAMED in vars(module))

    @property
    def bytes(self) -> int:
        """Memory that weights and LoRAs take, on this model's device."""
        variants = [variant for variant in (self.styled, *self.controls.values()) if variant is not None]
        adapters = {id(each.adapters): each.adapters for each in (self, *variants)}
        loras = sum(each.bytes for each in adapters.values())
        return self._weights_bytes + loras + sum(stage.bytes for stage in self.stages)

    @property
    def can_widen(self) -> bool:
        """Whether its modules can run in float32; integer weights cannot."""
        return all(can_widen(module) for module in self.parkable.values())

    @property
    def is_modular(self) -> bool:
        """Whether this is a `ModularPipeline`: one class for all tasks, its inputs decide."""
        return isinstance(self.base, ModularPipeline)

    @property
    def vae(self) -> Any | None:
        """The autoencoder, or None for a pixel model."""
        return next((self.parkable[name] for name in VAE_NAMES if name in self.parkable), None)

    def for_request(self, request: ImageRequest) -> LoadedModel:
        """This model, or its variant with control network, style adapter or both, as the request has pictures for."""
        type_, seeing = request.control and request.control.type, self._seeing(request)
        return seeing.controls.get(type_, seeing) if type_ else seeing

    def control_flaw(self, request: ImageRequest) -> str:
        """Why the request's control picture cannot be followed; "" where it can, or where there is none."""
        type_ = request.control and request.control.type
        if not type_ or type_ in self._seeing(request).controls:
            return ""
        return self.control_flaws.get(type_) or "there is no network for it"

    def _seeing(self, request: ImageRequest) -> LoadedModel:
        """This model, or its variant with a style adapter where the request has pictures to look at."""
        sees = bool(request.style_images) or (isinstance(request, Blend) and request.strength is None)
        return self.styled if sees and self.styled else self

    def own_adapters(self, request: ImageRequest) -> ActiveAdapters:
        """What is active of the variant with a style adapter in each row of the request; () for the plain model."""
        return ((STYLE, self.spec.style_scale(request.style_weight)),) if self.has_style else ()

    def drawn_size(self, request: ImageRequest) -> tuple[int, int]:
        """Width and height that the pipeline draws; super-resolution or further stages enlarge it as asked."""
        width, height = request.width or self.spec.width, request.height or self.spec.height
        return width // self.spec.enlarge, height // self.spec.enlarge

    def supports(self, task: Task) -> bool:
        """Whether the family has its own pipeline for this task (with `strength` for image-to-image)."""
        return self._class_for(task) is not None

    def pipeline(self, task: Task, noise_scheduler: str | None = None, wrap: Wrap | None = None) -> Any:
        """A fresh pipeline object: shared weights, its own copies of noise scheduler and guider.

        `noise_scheduler` names a diffusers class to use instead of the model's own. `wrap(name, module)` may stand
        something in for a shared module (a proxy). Raises ValueError when `supports(task)` is False.
        """
        cls = self._class_for(task)
        if cls is None:
            raise ValueError(f"{self.spec.name} has no pipeline for {task}")
        parts = {name: _own(part) for name, part in self.base.components.items()}
        if "scheduler" in parts:
            parts["scheduler"] = self._noise_scheduler(parts["scheduler"], noise_scheduler)
        if wrap is not None:
            parts |= {name: wrap(name, module) for name, module in self.parkable.items()}
        made = build(cls, self.base, parts)
        made.set_progress_bar_config(disable=True)
        return made

    def processors(self) -> AttentionProcessors | None:
        """The attention processors of a new lane, for pipelines that replace those of shared modules; else None."""
        return AttentionProcessors(self.parkable.values()) if _exchanges_processors(type(self.base)) else None

    def close(self) -> None:
        """Free the weights' memory, also where pipelines still refer to the modules."""
        self.adapters.clear()
        for module in self.parkable.values():
            if compiled := vars(module).get(COMPILED):
                compiled.close()
            module.to("meta")
            if STREAMED in vars(module):
                vars(module)[STREAMED].close()
        self.parkable.clear()
        others = (*self.stages, *([self.styled] if self.styled else []), *self.controls.values())
        self.controls = {}
        for other in others:
            if other is not self:
                other.close()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _noise_scheduler(self, own: Any, asked: str | None) -> Any:
        name = asked or self.spec.noise_scheduler
        options = dict(self.spec.noise_scheduler_options)
        if name != self.spec.noise_scheduler:
            options = {key: value for key, value in options.items() if key not in _OF_ONE_CLASS}
        if name is None or (name == type(own).__name__ and not options):
            return own
        return _like(own, getattr(diffusers, name), options)


def _like(own: Any, cls: Any, options: dict[str, Any]) -> Any:
    """A noise scheduler of another class, for a model that was trained with the schedule of `own`."""
    known = dict(own.config)
    if cls is not type(own):
        known = {key: value for key, value in known.items() if key not in _OF_ONE_SOLVER}
        if known.get("beta_schedule") not in (None, *_SCHEDULES):
            options = options | {"trained_betas": own.betas.tolist()}  # not every class can compute it
    if hasattr(own, "scale_noise") or known.get("use_flow_sigmas"):
        shift = known.get("shift") or known.get("flow_shift") or 1.0
        is_general = "use_flow_sigmas" in inspect.signature(cls.__init__).parameters
        flow = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": shift}
        options = options | (flow if is_general else {"shift": shift})
    return cls.from_config(known, **options)


@functools.cache
def _exchanges_processors(cls: type) -> bool:
    """Does a pipeline change its modules while it runs (perturbed attention, JoyImage's hooks)?"""
    return bool(_EXCHANGES.search(inspect.getsource(cls.__call__))) or _LISTENS in inspect.getsource(cls)


def _own(part: Any) -> Any:
    return copy.deepcopy(part) if isinstance(part, SchedulerMixin | BaseGuidance) else part
