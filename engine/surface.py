"""The public names: all that the bot may import. They import nearly everything of the engine but torch."""

from engine.base.logs import LogSetup
from engine.base.logs import configure as configure_logs
from engine.base.refusals import in_words
from engine.catalogue.catalogue import Catalogue
from engine.catalogue.sizes import result_size
from engine.embedding.embedder import Embedder as TextEmbedder
from engine.embedding.picture_embedder import PictureEmbedder
from engine.engine import Engine, Resolved
from engine.errors import (
    AbortReason,
    BadOutput,
    ClusterRefused,
    DeviceLost,
    DeviceMissing,
    EngineError,
    EngineNotReady,
    InferenceFailed,
    InvalidRequest,
    MemberQueueFull,
    ModelLoadFailed,
    ModelMissing,
    ModelTooLarge,
    OutOfMemory,
    QueueFull,
    Rejected,
    RequestAborted,
    UnknownLoRA,
    UnknownModel,
)
from engine.events import Event, Finished, GeneratedImage, Preview, Progress, Queued, Recipe, Safety, Started
from engine.lora_shelf.card import LoRACard
from engine.lora_shelf.civitai import Wanted as CivitaiVersion
from engine.lora_shelf.civitai import pull as pull_lora
from engine.lora_shelf.shelf import files_of as files_of_lora
from engine.lora_shelf.shelf import flaw as lora_flaw
from engine.memory.device_memory import CARDS_GB, DeviceMemory, card
from engine.memory.model_plan import plan_of
from engine.memory.plan import MemoryPlan
from engine.model_files.atomic_file import replace as replace_file
from engine.model_files.pulled_files import discard as discard_files
from engine.model_files.pulled_files import files_of as pulled_files
from engine.model_files.pulled_files import forget as forget_model
from engine.model_files.pulled_files import needed_elsewhere as files_needed_elsewhere
from engine.model_spec import ModelSpec
from engine.pictures.images import (
    PictureTooLarge,
    encode_png,
    fit_upload,
    fit_webp,
    mosaic,
    open_picture,
    open_shown,
    open_with_alpha,
    read_text,
)
from engine.pictures.sandboxed_decoder import SandboxedDecoder
from engine.pocket import WEIGHTS as POCKET_WEIGHTS
from engine.processes.head_start import HeadStart
from engine.processes.remote_devices import describe as describe_cluster
from engine.recipes.foreign_recipe import ForeignRecipe
from engine.recipes.read import read_recipe
from engine.requests import (
    MAX_PROMPT_CHARS,
    MAX_SEED,
    WORDLESS_BLEND,
    Blend,
    Control,
    CutOut,
    Describe,
    Edit,
    ImageRequest,
    ImageToImage,
    Inpaint,
    LoRA,
    Outpaint,
    PromptPart,
    Rewrite,
    StyleImage,
    Upscale,
)
from engine.serving.stream import RequestStream
from engine.settings import ClusterSettings, ControlType, EngineSettings, HomePath, LoRASettings, ModelSettings, Section
from engine.snapshot import DeviceSnapshot, EngineState, Snapshot
from engine.trial.devices import device_here
from engine.trial.trial import try_out

__all__ = [
    "CARDS_GB",
    "MAX_PROMPT_CHARS",
    "MAX_SEED",
    "POCKET_WEIGHTS",
    "WORDLESS_BLEND",
    "AbortReason",
    "BadOutput",
    "Blend",
    "Catalogue",
    "CivitaiVersion",
    "ClusterRefused",
    "ClusterSettings",
    "Control",
    "ControlType",
    "CutOut",
    "Describe",
    "DeviceLost",
    "DeviceMemory",
    "DeviceMissing",
    "DeviceSnapshot",
    "Edit",
    "Engine",
    "EngineError",
    "EngineNotReady",
    "EngineSettings",
    "EngineState",
    "Event",
    "Finished",
    "ForeignRecipe",
    "GeneratedImage",
    "HeadStart",
    "HomePath",
    "ImageRequest",
    "ImageToImage",
    "InferenceFailed",
    "Inpaint",
    "InvalidRequest",
    "LoRA",
    "LoRACard",
    "LoRASettings",
    "LogSetup",
    "MemberQueueFull",
    "MemoryPlan",
    "ModelLoadFailed",
    "ModelMissing",
    "ModelSettings",
    "ModelSpec",
    "ModelTooLarge",
    "OutOfMemory",
    "Outpaint",
    "PictureEmbedder",
    "PictureTooLarge",
    "Preview",
    "Progress",
    "PromptPart",
    "QueueFull",
    "Queued",
    "Recipe",
    "Rejected",
    "RequestAborted",
    "RequestStream",
    "Resolved",
    "Rewrite",
    "Safety",
    "SandboxedDecoder",
    "Section",
    "Snapshot",
    "Started",
    "StyleImage",
    "TextEmbedder",
    "UnknownLoRA",
    "UnknownModel",
    "Upscale",
    "card",
    "configure_logs",
    "describe_cluster",
    "device_here",
    "discard_files",
    "encode_png",
    "files_needed_elsewhere",
    "files_of_lora",
    "fit_upload",
    "fit_webp",
    "forget_model",
    "in_words",
    "lora_flaw",
    "mosaic",
    "open_picture",
    "open_shown",
    "open_with_alpha",
    "plan_of",
    "pull_lora",
    "pulled_files",
    "read_recipe",
    "read_text",
    "replace_file",
    "result_size",
    "try_out",
]
