"""How the engine is set up: frozen values, resolved once by the caller. Torch-free."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator


def _at_home(path: Path) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 - an unknown "~user" is left as it is, not an error


HomePath = Annotated[Path, AfterValidator(_at_home)]
"""A path that may begin with "~"."""
HomeText = Annotated[str, AfterValidator(os.path.expanduser)]
"""The same, where other things than paths are taken too."""


StepCacheLevel = Literal["off", "careful", "fast"]
"""How readily denoiser outputs are foretold from earlier ones: never, where it can hardly be seen, more often."""


FILE = "file"
"""The `source` of a model whose file is named by `path`."""
ControlType = Literal["edges", "scribble", "depth", "pose", "tile", "as_it_is"]
"""What a control picture says, or what is made of it: outlines, rough lines, distances, a body's pose, the colours of
its parts; "as_it_is" for a picture that is a finished map."""


class Section(BaseModel):
    """A frozen group of settings; an unknown key is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)


class ModelSettings(Section):
    """One model the host offers under a name of their choice."""

    source: HomeText
    """A preset's name, a local diffusers folder, a .safetensors or .gguf file, `hf:org/repo@revision`, or `FILE`."""
    path: HomeText | None = None
    """The file, where `source` is `FILE`."""
    base: HomeText | None = None
    """Whose configuration a file shares, where that is not told by the file: a preset, a folder or `hf:org/repo`."""
    vae: HomeText | None = None
    """An autoencoder instead of the model's own: a diffusers folder or a .safetensors file."""
    prediction_type: Literal["epsilon", "v_prediction"] | None = None
    """What the model was trained to predict, where its files do not say so."""
    clip_skip: int | None = Field(default=None, ge=1, le=12)
    """Which layer of CLIP is used, counted from the last, which is 1, as Civitai counts."""
    embeddings: dict[str, HomePath] = Field(default_factory=dict[str, HomePath])
    """Word -> file of the textual inversion (safetensors) that it stands for in prompts."""
    num_inference_steps: int | None = Field(default=None, ge=1, le=500)
    guidance_scale: float | None = Field(default=None, ge=0.0, le=50.0)
    width: int | None = Field(default=None, ge=16, le=4096)
    height: int | None = Field(default=None, ge=16, le=4096)
    noise_scheduler: str | None = None
    precision: Literal["auto", "float32", "bfloat16", "float16", "float8", "int8", "nf4"] = Field(
        default="auto", validation_alias=AliasChoices("precision", "dtype")
    )
    """How the weights lie in memory; "auto" is the finest that fits. int8 and nf4 need an extra."""
    residency: Literal["auto", "resident", "encoders_offloaded", "partly_streamed", "streamed"] = "auto"
    """Where the weights lie: all on the device, or text encoders in main memory, or the denoiser too: what of it finds
    no room on the device, or all of it."""
    taesd: HomeText | None = None
    """A folder with a tiny autoencoder for previews."""
    style_adapter: HomeText | None = None
    """IP-Adapter weights (safetensors): SD 1.5, SDXL, SD 3, Flux."""
    style_encoder: HomeText | None = None
    """The folder of the image encoder that they were trained with; `image_encoder` beside the file unless set."""
    style_weight: float | None = Field(default=None, ge=0.0, le=2.0)
    """How strongly a style picture acts; 0.6 unless set."""
    controls: dict[ControlType, HomeText] = Field(default_factory=dict[ControlType, HomeText])
    """For each kind of control picture what draws by it: the folder of a ControlNet or T2I-Adapter, a Control LoRA
    (safetensors, FLUX.1), or "own" for a model that brings its own."""

    @property
    def location(self) -> str:
        """Where the weights are: what `source` says, or the file."""
        return self.path if self.source == FILE and self.path else self.source

    @model_validator(mode="after")
    def _has_its_path(self) -> ModelSettings:
        if (self.source == FILE) != (self.path is not None):
            raise ValueError(f'path and source = "{FILE}" go together: write both, or the path as source')
        return self


class LoRASettings(Section):
    """One LoRA file the host offers."""

    path: HomePath
    model: str = ""
    """The one model it is for; "" means every model of the family it was trained for."""
    weight: float = 1.0
    description: str = ""
    trigger_words: tuple[str, ...] = ()
    """Words that call it; added to a prompt that has none of them."""
    licence: str = ""
    sample: HomePath | None = None
    """A picture that shows what it does."""


class ClusterSettings(Section):
    """Workers on other machines, reached through Ray; needs the extra `cluster`."""

    address: str = ""
    """Ray's head as host:port; empty means no cluster."""
    workers: int = Field(default=1, ge=1)
    """How many to keep; Ray finds each a node with room."""
    gpus: float = Field(default=1.0, ge=0)
    """GPUs each of them takes; 0 means that they draw on CPUs."""
    resources: tuple[str, ...] = ()
    """Names of custom Ray resources; each worker takes one of each. Says which nodes may be used."""


class EngineSettings(Section):
    """Devices, models and limits."""

    devices: tuple[str, ...] = ("auto",)
    """"auto" means every CUDA device, else MPS, else the CPU; or names such as "cuda:0", "cpu"."""
    cluster: ClusterSettings = ClusterSettings()
    default_model: HomeText = "pocket"
    models: dict[str, ModelSettings] = Field(default_factory=dict[str, ModelSettings])
    """Besides the presets, which need no entry."""
    loras: dict[str, LoRASettings] = Field(default_factory=dict[str, LoRASettings])
    models_dir: HomePath = Path("data/models")
    loras_dir: HomePath = Path("data/loras")
    """Every LoRA file in this folder is offered."""
    offline: bool = False
    memory_budget_gb: float | None = Field(default=None, gt=0, le=1_000_000)
    """For models on one device; None means 80 % of what the device has for weights. A model whose weights it cannot
    hold is refused."""
    deterministic: bool = False
    """Pad to fixed bucket shapes: a picture's bytes never depend on who shares the device."""
    step_cache: StepCacheLevel = "off"
    """Which denoiser outputs may be foretold instead of computed, where a request does not say: "off" none, "careful"
    where it can hardly be seen, "fast" more often."""
    compile: Literal["auto", "off"] = "auto"
    """Whether the repeated blocks of denoisers are compiled in the background; "auto" on CUDA devices only."""
    attention: str = "auto"
    """Which kernel computes attention, where it is proved equal to torch's own: "auto" the fastest of those that are
    installed, on CUDA devices only; "off" torch's own; or one by diffusers' name, those in 8 bits too ("sage")."""
    max_lanes: int = Field(default=16, ge=1)
    """Requests that run at the same time on one device."""
    max_waiting: int = Field(default=200, ge=1)
    max_waiting_per_member: int = Field(default=10, ge=1)
    max_running_per_member: int = Field(default=3, ge=1)
    first_preview_share: float = Field(default=0.4, ge=0.0, le=1.0)
    """At most this share of ticks may jump the queue to give a new request its first preview."""
    stall_timeout_s: float = Field(default=30.0, gt=0, le=100_000)
    """A worker without a sign of life for this long is replaced."""
    load_timeout_s: float = Field(default=600.0, gt=0, le=100_000)
    """A worker may take this long to start, and as long to load a model."""
    step_timeout_s: float = Field(default=300.0, gt=0, le=100_000)
    """One forward pass, encode or decode may take this long; a worker busy for longer is replaced."""
    max_attempts: int = Field(default=3, ge=1)
    """How often one request may lose its worker before it fails alone."""
    stop_timeout_s: float = Field(default=10.0, ge=0, le=100_000)
    preview_side: int = Field(default=256, ge=64, le=1024)
    """Longer side of one cell in a preview mosaic, in pixels, at most."""
    safety: bool = True
    """Run the picture check on every finished picture, and on previews where a request sets a limit."""
    captioner: HomePath | None = None
    """A folder with an image-to-text model (BLIP and its like, safetensors) for descriptions, instead of the embedded
    picture encoder."""
    writer: HomePath | None = None
    """A folder with an instruct model of transformers (a causal language model with a chat template, safetensors) that
    proposes richer prompts; None: the nearest lines of the host's word lists are proposed."""
    cutout: HomePath | None = None
    """A folder with a semantic segmentation model of transformers (SegFormer and its like, safetensors) that tells
    things from their background; None: nobody can cut out pictures."""
    depth: HomePath | None = None
    """A folder with a depth estimation model of transformers (Depth Anything, DPT; safetensors), for control pictures
    of distances."""
    pose: HomePath | None = None
    """A folder with a ViTPose model of transformers (safetensors), for control pictures of poses."""
    upscaler: HomePath | None = None
    """A super-resolution checkpoint (safetensors) that spandrel reads, instead of the embedded networks."""
    threads: int | None = Field(default=None, ge=1, le=4096)
    """CPU threads a worker may use; None means all."""

    @model_validator(mode="after")
    def _has_a_device(self) -> EngineSettings:
        if not self.devices and not self.cluster.address:
            raise ValueError('devices = [] is for hosts with a cluster; write "auto" or the name of a device')
        return self
