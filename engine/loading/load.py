"""From files to a `LoadedModel`: any diffusers folder, pulled repository, or checkpoint in one file."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from torch import nn

from engine.base.foreign_errors import reason
from engine.batching.compiled_blocks import attach
from engine.batching.forward import is_out_of_memory
from engine.batching.lanes import Stage
from engine.batching.module_proxies import stage_of
from engine.errors import EngineError, ModelLoadFailed, ModelMissing, ModelTooLarge
from engine.loading.apply_keys import apply_keys
from engine.loading.attention_setting import set_attention
from engine.loading.device import device_memory
from engine.loading.load_controls import load_controls
from engine.loading.load_errors import why_not
from engine.loading.loaded_model import VAE_NAMES, LoadedModel
from engine.loading.passing_weights import pass_through
from engine.loading.prove_noise_scheduler import prove_noise_scheduler
from engine.loading.read_file import read_autoencoder, read_file
from engine.loading.read_folder import Reading, read_folder
from engine.loading.saved_precision import prove_saved
from engine.loading.streamed_weights import stream_through
from engine.loading.style_adapter import with_style_adapter
from engine.loading.weight_precision import DTYPES, narrow, prove_precision
from engine.lora_shelf.files import LoRAFiles
from engine.memory.elements import QUANTISED
from engine.memory.model_plan import plan_of
from engine.memory.plan import STREAMING, MemoryPlan
from engine.model_files.content_hash import FileHashes
from engine.model_files.diffusers_folder import REMEDY
from engine.model_files.lacking_weights import lacking_words
from engine.model_files.local_models import find_pulled
from engine.model_files.tool_files import adapter_files, tiny_autoencoder_flaw
from engine.model_spec import ModelSpec, Source
from engine.previews.previewer import Previewer
from engine.sampling.latent_layout import LatentLayout, RGBMap
from engine.sampling.latent_rgb import remembered_rgb_map
from engine.settings import EngineSettings

logger = logging.getLogger(__name__)

SMALLER = "choose a smaller model, or a smaller precision for this one"


def quiet() -> None:
    """Switch off the libraries' progress bars and warnings, which do not belong in a worker's log."""
    for library in (diffusers.utils.logging, transformers.utils.logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
    # What its authors will rename concerns no host.
    warnings.filterwarnings("ignore", category=FutureWarning, module="diffusers")


def load(
    spec: ModelSpec,
    device: str | torch.device,
    settings: EngineSettings | None = None,
) -> LoadedModel:
    """Load a model's weights to a device; seconds to minutes.

    Raises `ModelLoadFailed` naming the model, the reason and the remedy.
    """
    settings = settings or EngineSettings()
    device = torch.device(device)
    try:
        return _load(spec, device, settings)
    except torch.OutOfMemoryError as error:
        raise ModelTooLarge(spec.name, f"{device} is out of memory while it is loaded", SMALLER) from error
    except ImportError as error:
        raise ModelLoadFailed(spec.name, reason(error), "install what it names and start again") from error
    except (ModelMissing, ModelTooLarge):
        raise
    except ModelLoadFailed as error:
        if error.model == spec.name:
            raise
        raise ModelLoadFailed(spec.name, error.why, error.remedy) from error  # files do not know how they are offered
    except EngineError:
        raise
    except Exception as error:  # a foreign folder can fail in any way
        raise ModelLoadFailed(spec.name, *why_not(spec, error)) from error


def choose_dtype(spec: ModelSpec, device: torch.device, plan: MemoryPlan | None) -> torch.dtype:
    """The format that the denoiser computes in: by the plan, else by the settings; "auto" is bfloat16 where native."""
    denoiser = next((each for each in plan.components if each.role == "denoiser"), None) if plan else None
    if denoiser is not None:
        return DTYPES[denoiser.compute]
    if spec.precision in DTYPES and spec.precision not in QUANTISED:
        return DTYPES[spec.precision]
    return usual_dtype(device)


def usual_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where it is native."""
    is_native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if is_native else torch.float32


def prove_plan(spec: ModelSpec, device: torch.device, settings: EngineSettings) -> MemoryPlan | None:
    """The plan, where the sizes are known. Raises `ModelLoadFailed` for what cannot be had, `ModelTooLarge`."""
    prove_precision(spec, device)
    prove_saved(spec, settings.models_dir, device)
    memory = device_memory(device, settings)
    plan = plan_of(spec, memory, settings.models_dir)
    if plan is None:
        if spec.precision in QUANTISED or spec.residency not in ("auto", "resident"):
            raise ModelLoadFailed(spec.name, "its size is not known", "remove precision and residency")
        return None
    place = spec.residency if spec.residency in STREAMING else plan.residency
    if place in STREAMING and (why := _cannot_stream(spec)):
        raise ModelLoadFailed(spec.name, f'residency = "{place}" takes no {why}', "remove one of the two")
    if place in STREAMING and any(each.role == "denoiser" and each.storage == "nf4" for each in plan.components):
        why = f'residency = "{place}" takes no weights of 4 bits, which its files have'
        raise ModelLoadFailed(spec.name, why, "remove residency")
    # Passes may do with less than is reckoned, tile by tile; weights cannot.
    main_bytes = memory.main_bytes
    if plan.weight_bytes > plan.usable_bytes or (main_bytes is not None and plan.main_bytes > main_bytes):
        raise ModelTooLarge(spec.name, plan.why, plan.remedy)
    return plan


def _cannot_stream(spec: ModelSpec) -> str:
    """The key that keeps a denoiser from being streamed, as it is written; "" for none."""
    if spec.style_adapter is not None:
        return "style_adapter"
    return 'precision = "nf4"' if spec.precision == "nf4" else ""


def _load(spec: ModelSpec, device: torch.device, settings: EngineSettings, first: Any = None) -> LoadedModel:
    # A single file takes its configuration from its base, whose weights are no part of the hash.
    path, *others = [_locate(spec, source, settings) for source in spec.sources if source is not spec.configuration]
    others += spec.embeddings.values()
    identity = FileHashes(settings.models_dir / "hashes.json").of_model((path, *others))
    plan = prove_plan(spec, device, settings)
    dtype = choose_dtype(spec, device, plan)
    base = _base(spec, path, Reading(dtype, plan), settings, first)
    parts = {name: part for name, part in base.components.items() if isinstance(part, nn.Module)}
    _prove_complete(spec, parts)
    _place(base, device, plan)
    denoisers = [part for part in parts.values() if stage_of(part) is Stage.DENOISE]
    if not denoisers:
        raise ModelLoadFailed(spec.name, "its index names no denoiser", "give the index a unet or transformer")
    prove_noise_scheduler(spec.name, base.components.get("scheduler"))
    for module in parts.values():
        module.requires_grad_(False).eval()
        if hasattr(module, "fixed_shapes"):  # `pocket`, which leaves out what is padding and guides inside
            vars(module)["fixed_shapes"] = settings.deterministic
    if _may_compile(spec, device, settings):
        for denoiser in denoisers:
            attach(denoiser)
    set_attention(denoisers, settings, device, dtype)
    alone = replace(spec, stages=(), prior=None, fused_lora=None, noise_scheduler=None, noise_scheduler_options={})
    alone = replace(alone, enlarge=1, style_adapter=None, controls={}, vae=None, embeddings={}, prediction_type=None)
    stages = tuple(_load(replace(alone, source=stage), device, settings, base) for stage in spec.stages)
    previewer = _previewer(spec, base, parts, settings, identity)
    styled = None
    if spec.style_adapter is not None:
        variant = with_style_adapter(spec, base, VAE_NAMES)
        files = (path, *others, *adapter_files(spec.style_adapter, spec.style_encoder))
        known = FileHashes(settings.models_dir / "hashes.json").of_model(files)
        styled = LoadedModel(
            spec, variant, device, dtype, known, previewer, stages, LoRAFiles(settings), has_style=True
        )
    model = LoadedModel(spec, base, device, dtype, identity, previewer, stages, LoRAFiles(settings), styled)
    if not spec.controls:
        return model
    hashes = FileHashes(settings.models_dir / "hashes.json")
    return load_controls(model, lambda more: hashes.of_model((path, *others, *more)))


def _prove_complete(spec: ModelSpec, parts: Mapping[str, nn.Module]) -> None:
    """Raises `ModelLoadFailed` for a module of diffusers whose files lack weights: those stay on the meta device."""
    for name, part in parts.items():
        if names := [each for each, weight in part.named_parameters() if weight.is_meta]:
            raise ModelLoadFailed(spec.name, f"its {name} {lacking_words(names)}", REMEDY)


def _may_compile(spec: ModelSpec, device: torch.device, settings: EngineSettings) -> bool:
    """A style adapter draws with copies of the same blocks, and fixed shapes mean the same bits at all times."""
    is_wanted = settings.compile == "auto" and device.type == "cuda"
    return is_wanted and not settings.deterministic and spec.style_adapter is None


def _locate(spec: ModelSpec, source: Source, settings: EngineSettings) -> Path:
    """The folder or file on this machine."""
    if source.origin == "hub":
        found = find_pulled(source, settings.models_dir)
        if found is None:
            raise ModelMissing(spec.name)
        return found
    path = Path(source.location)
    if not path.exists():
        raise ModelLoadFailed(spec.name, f"there is no {path.name}", "correct its source in the settings")
    return path


def _place(base: Any, device: torch.device, plan: MemoryPlan | None) -> None:
    """Store weights as planned, and move them to the device, unless they are to pass through it."""
    if plan is None:
        base.to(device)
        return
    narrow(base, plan)
    passing = {each.name: each for each in plan.components if not each.is_resident}
    if not passing:
        base.to(device)
        return
    for name, part in base.components.items():
        if not isinstance(part, nn.Module):
            continue
        if name not in passing:
            part.to(device)
        elif passing[name].role == "denoiser":
            stream_through(part, device, passing[name].room_bytes)
        else:
            pass_through(part, device)


def _base(spec: ModelSpec, path: Path, reading: Reading, settings: EngineSettings, first: Any = None) -> Any:
    """The pipeline in main memory, all of its parts together; `first` is the stage before it."""
    lent = None if spec.configuration is None else _locate(spec, spec.configuration, settings)
    given = {name: first.components[name] for name in spec.source.shared}
    if spec.vae is not None:
        given["vae"] = read_autoencoder(spec, _locate(spec, spec.vae, settings), lent or path, reading)
    if lent is not None:
        base = read_file(spec, path, lent, reading, given)
    else:
        base = read_folder(path, spec.source.variant, reading, given)
    if spec.prior is not None:
        prior = read_folder(_locate(spec, spec.prior, settings), spec.prior.variant, Reading(reading.dtype))
        # One pipeline of two repositories: the prior's components get the prefix `prior_`.
        parts = {**base.components, **{f"prior_{name}": part for name, part in prior.components.items()}}
        base = getattr(diffusers, spec.pipeline)(**parts)
    if spec.fused_lora is not None:
        file = _locate(spec, spec.fused_lora, settings)
        base.load_lora_weights(str(file.parent), weight_name=file.name, local_files_only=True)
        base.fuse_lora()
        base.unload_lora_weights()
    if spec.prediction_type or spec.clip_skip or spec.embeddings:
        apply_keys(spec, base)
    return base


def _previewer(
    spec: ModelSpec, base: Any, parts: dict[str, nn.Module], settings: EngineSettings, identity: str
) -> Previewer:
    vae: Any = next((parts[name] for name in VAE_NAMES if name in parts), None)
    # Sana Sprint's latents are scaled by this much while they are denoised.
    gain = getattr(getattr(base.components.get("scheduler"), "config", None), "sigma_data", None) or 1.0
    if vae is None:
        return Previewer(None, None, side=settings.preview_side)
    layout = LatentLayout.of(vae, gain=gain)
    kept = settings.models_dir / "previews" / f"{identity}.safetensors"
    tiny, flaw = (None, "") if spec.taesd is None else _tiny_autoencoder(Path(spec.taesd), vae, layout)
    if flaw:
        logger.warning("%s: plain previews instead of sharper ones; %s", spec.name, flaw)
    rgb_map = None if tiny is not None else _rgb_map(spec, vae, layout, kept)
    return Previewer(layout, rgb_map, tiny, settings.preview_side, flaw)


def _tiny_autoencoder(folder: Path, vae: Any, layout: LatentLayout) -> tuple[Any, str]:
    """The tiny autoencoder that decodes the model's latents, or None and the reason; the model loads either way."""
    if flaw := tiny_autoencoder_flaw(folder, layout.channels):
        return None, flaw
    try:
        tiny: Any = AutoencoderTiny.from_pretrained(str(folder), local_files_only=True, use_safetensors=True)
        tiny = tiny.to(vae.device).requires_grad_(False).eval()
        tiny.decode(torch.zeros(1, layout.channels, 2, 2, device=vae.device, dtype=tiny.dtype))
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        return None, f"taesd: {folder.name} cannot be read ({error})"
    return tiny, ""


def _rgb_map(spec: ModelSpec, vae: Any, layout: LatentLayout, kept: Path) -> RGBMap | None:
    """The fitted map, or None (no previews) for an autoencoder that cannot encode pictures as expected."""
    try:
        return remembered_rgb_map(vae, layout, kept)
    except (AttributeError, NotImplementedError, RuntimeError, StopIteration, TypeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        logger.warning("%s: no previews, its autoencoder raises %s: %s", spec.name, type(error).__name__, error)
        return None
