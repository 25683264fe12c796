"""All that is known of a model without loading it. Torch-free values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.pipelines.controls import ControlNetwork
from engine.pipelines.names import Need
from engine.pipelines.references import References
from engine.requests import MAX_STYLE_WEIGHT, USUAL_STYLE_WEIGHT
from engine.settings import ControlType

FLOW_NOISE_SCHEDULERS = (
    "FlowMatchEulerDiscreteScheduler",
    "FlowMatchHeunDiscreteScheduler",
    "FlowMatchLCMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
)
"""What models trained with flow matching run with."""
NOISE_SCHEDULERS = (
    "DDIMScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "LCMScheduler",
    "PNDMScheduler",
    "TCDScheduler",
    "UniPCMultistepScheduler",
)
"""What models that predict noise or v run with."""


EVERY = "*"


@dataclass(frozen=True, slots=True)
class Source:
    """Where files come from: a folder, one safetensors or GGUF file, or a hub repository at a commit."""

    origin: Literal["folder", "file", "hub"]
    location: str
    """A path, or `organisation/repository`."""
    revision: str | None = None
    """40 hex digits, or None: resolved and kept when pulled."""
    file: str | None = None
    """One file of the repository instead of a diffusers folder."""
    variant: str | None = None
    """Which weights of the repository to fetch ("fp16")."""
    shared: tuple[str, ...] = ()
    """Components that a further stage takes from the first one instead of its own repository."""
    weightless: tuple[str, ...] = ()
    """Components of which only configuration and vocabulary are needed; `EVERY` among them means all."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model by name. Sizes are in pixels."""

    name: str
    source: Source
    num_inference_steps: int
    guidance_scale: float
    width: int
    height: int
    size_multiple: int
    memory_gb: float
    licence: str
    pipeline: str
    """diffusers' class name, or "" when unknown before loading."""
    capabilities: frozenset[str] = frozenset({"negative_prompt", "guidance"})
    """What its pipelines take besides a prompt."""
    guidance_parameter: str = "guidance_scale"
    """The pipeline's parameter that `guidance_scale` fills (`true_cfg_scale` for Qwen-Image)."""
    noise_scheduler: str | None = None
    """None means the model's own."""
    noise_scheduler_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    noise_schedulers: tuple[str, ...] = NOISE_SCHEDULERS + FLOW_NOISE_SCHEDULERS[:3]
    """Which ones a request may name."""
    precision: str = "auto"
    """How its weights lie in memory."""
    residency: str = "auto"
    """Whether all its weights stay on the device."""
    picture_steps: int | None = None
    """Steps of requests that start from a picture, of which they take the share that their strength says; None means
    `num_inference_steps`. Of few steps a little redrawing would be none."""
    draft_scale: float = 0.5
    """How much smaller the sides of a draft are: the least at which the model still draws what it is told."""
    enlarge: int = 1
    """Pictures are drawn this many times smaller, and enlarged by `stages`, else by the super-resolution network."""
    taesd: str | None = None
    """A folder with a tiny autoencoder for previews."""
    style_adapter: str | None = None
    """A file of IP-Adapter weights; None means that it takes no style pictures."""
    style_encoder: str | None = None
    """The folder of the image encoder; None means `image_encoder` beside the file."""
    style_weight: float = 0.6
    controls: Mapping[ControlType, ControlNetwork] = field(default_factory=dict[ControlType, ControlNetwork])
    """What it draws control pictures with, by what they say; the first one where a request does not say that."""
    need: Need = "words"
    """The least that a request must bring for it to draw."""
    references: References | None = None
    """How its pipeline takes pictures that it edits by words; None for a model that was not made for that."""
    configuration: Source | None = None
    """Where a single file has its configuration and vocabulary from, and the components that it does not hold."""
    vae: Source | None = None
    """An autoencoder instead of the model's own: a folder, or one file."""
    prediction_type: str | None = None
    """What the model predicts ("epsilon", "v_prediction"), where that is not what its files say."""
    clip_skip: int | None = None
    """Which layer of CLIP is used, counted from the last, which is 1; None means the pipeline's own choice."""
    embeddings: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Word -> file of the textual inversion that it stands for."""
    prior: Source | None = None
    """The repository of the first stage, where a pipeline needs two (Kandinsky 2.2)."""
    stages: tuple[Source, ...] = ()
    """Further pipelines that enlarge the result (DeepFloyd IF)."""
    fused_lora: Source | None = None
    """Fused into the weights at load (SDXL-Lightning)."""
    vocabulary: tuple[str, ...] = ()
    """Everything it can draw, where that is little enough to list."""
    hint: str = ""
    """What to tell somebody whose prompt is about nothing in its vocabulary."""

    def steps_of(self, kind: str) -> int:
        """The steps of a request of that kind which names no number."""
        from_picture = kind != "text_to_image" and self.picture_steps is not None
        return self.picture_steps or self.num_inference_steps if from_picture else self.num_inference_steps

    def style_scale(self, weight: float) -> float:
        """diffusers' scale of the style adapter for a weight on Midjourney's scale.

        0 is none, 100 the model's own `style_weight`, 1000 a scale of 1, with which adapters are trained; in between
        it grows evenly.
        """
        if weight <= USUAL_STYLE_WEIGHT:
            return self.style_weight * weight / USUAL_STYLE_WEIGHT
        share = (weight - USUAL_STYLE_WEIGHT) / (MAX_STYLE_WEIGHT - USUAL_STYLE_WEIGHT)
        return self.style_weight + share * max(0.0, 1.0 - self.style_weight)

    @property
    def follows_style(self) -> bool:
        """Whether it takes style pictures."""
        return self.style_adapter is not None

    @property
    def control_types(self) -> tuple[ControlType, ...]:
        """The kinds of control pictures that it follows, as far as its files say."""
        return tuple(type_ for type_, network in self.controls.items() if not network.flaw)

    @property
    def has_guider(self) -> bool:
        """Whether its pipeline is known, by its name, to guide through a guider, which is always called."""
        return self.pipeline.endswith("ModularPipeline") or self.pipeline.startswith("HunyuanImage")

    @property
    def skipped_layers(self) -> int | None:
        """`clip_skip` as the pipelines of SDXL and SD 3 count; None for their own choice, and for all others.

        Those were trained with the last layer but one, which is what others mean there by 1 and by 2.
        """
        if self.clip_skip is None or not self.pipeline.startswith(("StableDiffusionXL", "StableDiffusion3")):
            return None
        return max(0, self.clip_skip - 2) or None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Everything that must be on disk."""
        more = (self.configuration, self.vae, self.prior, *self.stages, self.fused_lora)
        return (self.source, *(source for source in more if source is not None))
