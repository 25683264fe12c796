"""Facts of a diffusers folder, read from its JSON files. Torch-free."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from engine.errors import ModelLoadFailed
from engine.model_files.mislabelled import PICKLED
from engine.model_files.near_folder import around, instead_of
from engine.model_files.weight_files import Weights, choose_weights
from engine.pipelines.names import Need

INDEXES = ("model_index.json", "modular_model_index.json")
ALLOWED_LIBRARIES = frozenset({"diffusers", "transformers", "engine.pocket"})
"""Libraries whose classes a model folder may name; loading a model runs no other code."""
UNWANTED = frozenset({"safety_checker", "watermarker"})
"""Components never loaded: Darkroom checks every family's pictures itself; these only blank or mark some."""
WEIGHTLESS = re.compile("Tokenizer|Processor|Extractor|Scheduler|Guidance|Guider")
"""Classes of components that have no weights."""
REMEDY = "copy or pull the model again"
MASK_CHANNELS = 9
"""Of a UNet that was trained to inpaint: its own, those of the picture, and the mask."""
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The facts of one folder. `side` and `size_multiple` are in pixels."""

    pipeline: str
    modular: bool
    components: dict[str, tuple[str, str]]
    """Component name -> (library, class), of those that the pipeline's class takes."""
    weights: dict[str, Weights]
    """Component name -> its files, of those that have weights here."""
    left_out: frozenset[str]
    """Components that the index names as null: SD 3 without T5."""
    noise_scheduler: str
    is_flow: bool
    """Trained with flow matching: its own noise scheduler says so, by its class or its options."""
    side: int
    vae_scale_factor: int
    """Side in pixels of one position of the latents."""
    size_multiple: int
    bytes: Mapping[str, int]
    """Component name -> bytes of its weights on disk."""
    licence: str
    need: Need | None
    """What its weights ask of a request, whichever class draws with them; None where they leave that open."""
    distilled: bool
    """Few steps, no guidance: what FLUX.2-klein's index says of itself."""
    guidance: float | None
    """How strongly its guider guides, where it has one (HunyuanImage)."""

    def bytes_without(self, components: Collection[str]) -> int:
        """Bytes of the weights of all other components."""
        return sum(size for name, size in self.bytes.items() if name not in components)


def read(
    folder: Path, variant: str | None = None, takes: Callable[[str], frozenset[str]] = lambda _: frozenset()
) -> ModelFolder:
    """Read and judge a folder; raises `ModelLoadFailed` for missing files, foreign libraries and pickled weights.

    `variant` names the weights to prefer where a component has several; `takes` tells what a pipeline's class is made
    of, nothing where that is not known: whatever else the index names is left alone, as diffusers does.
    """
    index_name = _index_name(folder)
    index = read_json(folder, index_name)
    components = components_of(index)
    _judge(folder, index, components)
    if taken := takes(str(index["_class_name"])):
        components = {name: kind for name, kind in components.items() if name in taken}
    weights = _weights(folder, components, variant)
    factor = _vae_scale_factor(folder, components)
    noise_scheduler = next((cls for name, (_, cls) in components.items() if name == "scheduler"), "")
    return ModelFolder(
        pipeline=str(index.get("_class_name", "")),
        modular=index_name == INDEXES[1],
        components=components,
        weights=weights,
        left_out=frozenset(name for name, value in index.items() if value == [None, None]),
        noise_scheduler=noise_scheduler,
        is_flow=noise_scheduler.startswith("Flow") or _says_flow(folder, components),
        side=_side(folder, index, components, factor),
        vae_scale_factor=factor,
        size_multiple=_size_multiple(folder, components, factor),
        bytes={name: sum(_size(folder / name / file) for file in each.files) for name, each in weights.items()},
        licence=_licence(folder),
        need=_need(folder, index, components),
        distilled=index.get("is_distilled") is True,
        guidance=_guidance(folder, components),
    )


def _index_name(folder: Path) -> str:
    """Which of `INDEXES` the folder has. Raises `ModelLoadFailed`."""
    if folder.suffix in PICKLES:
        raise ModelLoadFailed(folder.stem, f"{folder.name} {PICKLED[0]}", PICKLED[1])
    if found := next((name for name in INDEXES if _is_there(folder / name)), None):
        return found
    if folder.is_dir():
        why = f"the folder {folder.name} holds no {INDEXES[0]}"
        raise ModelLoadFailed(folder.name, why, instead_of(folder, INDEXES))
    if folder.name.endswith(".index.json") and folder.is_file():
        raise ModelLoadFailed(folder.name, f"{folder.name} only lists the parts of a model", around(folder, INDEXES))
    if folder.is_file():
        what, remedy = (
            f"{folder.name} is no .safetensors or .gguf file",
            f"rename it to {folder.stem}.safetensors, if it is one",
        )
        raise ModelLoadFailed(folder.name, what, remedy)
    what = f"{folder.name} is a link to nothing" if folder.is_symlink() else f"there is no folder {folder.name}"
    raise ModelLoadFailed(folder.name, what, "correct its source in the settings")


def _is_there(file: Path) -> bool:
    return file.is_file() or file.is_symlink()


def components_of(index: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Component name -> (library, class), of a model_index.json or modular_model_index.json."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in index.items():
        if not name.startswith("_") and isinstance(value, list):
            # [library, class], and the loading details after them in a modular index; [null, null] when left out.
            library, class_name = (*cast("list[Any]", value), None, None)[:2]
            if isinstance(library, str) and isinstance(class_name, str):
                found[name] = (library, class_name)
    return found


def _judge(folder: Path, index: dict[str, Any], components: dict[str, tuple[str, str]]) -> None:
    if not isinstance(index.get("_class_name"), str):
        raise ModelLoadFailed(
            folder.name, "it wants to run a pipeline of its own", "only diffusers' pipelines run here"
        )
    for name, (library, _) in components.items():
        if library not in ALLOWED_LIBRARIES and not _is_diffusers_package(library):
            raise ModelLoadFailed(folder.name, f"its {name} names the library {library!r}", "only " + _allowed())
    for name in components:
        files = [path for path in (folder / name).glob("*") if path.is_file()]
        pickled = [path.name for path in files if path.suffix in PICKLES]
        if pickled and not any(path.suffix == ".safetensors" for path in files):
            why = f"{name}/{pickled[0]} is pickled, which could run code"
            raise ModelLoadFailed(folder.name, why, "convert it to safetensors")


def _weights(folder: Path, components: dict[str, tuple[str, str]], variant: str | None) -> dict[str, Weights]:
    found = {
        name: choose_weights([path.name for path in (folder / name).glob("*")], library, variant)
        for name, (library, _) in components.items()
        if name not in UNWANTED
    }
    return {name: weights for name, weights in found.items() if weights is not None}


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _is_diffusers_package(library: str) -> bool:
    """diffusers' own pipeline packages ("stable_diffusion") hold the old safety checkers."""
    spec = importlib.util.find_spec("diffusers")
    if spec is None or spec.origin is None or not re.fullmatch(r"[a-z0-9_]{1,64}", library):
        return False
    pipelines = Path(spec.origin).parent / "pipelines"
    return any((folder / library / "__init__.py").is_file() for folder in (pipelines, pipelines / "deprecated"))


def _allowed() -> str:
    return ", ".join(sorted(ALLOWED_LIBRARIES)) + " are allowed"


def _vae_scale_factor(folder: Path, components: dict[str, tuple[str, str]]) -> int:
    config = _config(folder, next((name for name in ("vae", "movq", "vqvae") if name in components), ""))
    if not config:
        return 1
    for key in ("spatial_compression_ratio", "ffactor_spatial", "scale_factor_spatial"):
        if isinstance(config.get(key), int) and config[key] > 0:
            return int(config[key])
    for key in ("block_out_channels", "encoder_block_out_channels", "down_block_out_channels"):
        if isinstance(config.get(key), list) and config[key]:
            return 2 ** (len(config[key]) - 1)
    if isinstance(config.get("temperal_downsample"), list):
        return 2 ** len(config["temperal_downsample"])
    return 8


def _denoiser(folder: Path, components: dict[str, tuple[str, str]]) -> dict[str, Any]:
    return _config(folder, next((name for name in ("unet", "transformer", "decoder") if name in components), ""))


def _need(folder: Path, index: dict[str, Any], components: dict[str, tuple[str, str]]) -> Need | None:
    if _config(folder, "unet" if "unet" in components else "").get("in_channels") == MASK_CHANNELS:
        return "mask"
    return "picture" if index.get("requires_aesthetics_score") is True else None  # SDXL's refiner


def _side(folder: Path, index: dict[str, Any], components: dict[str, tuple[str, str]], factor: int) -> int:
    said = index.get("default_sample_size")  # PRX, in pixels
    if isinstance(said, int) and said > 0:
        return said
    config = _denoiser(folder, components)
    sample: Any = config.get("sample_size")
    if isinstance(sample, list) and sample:
        sample = cast("list[Any]", sample)[0]
    return sample * factor if isinstance(sample, int) and sample > 0 else 1024


def _size_multiple(folder: Path, components: dict[str, tuple[str, str]], factor: int) -> int:
    if "movq" in components:  # Kandinsky's pipelines round sizes up to whole multiples of its square
        return max(8, factor * factor)
    if "transformer" not in components:
        return max(8, factor)
    patch = _denoiser(folder, components).get("patch_size", 2)
    return factor * math.lcm(2, patch if isinstance(patch, int) and patch > 0 else 2)


def _config(folder: Path, component: str) -> dict[str, Any]:
    known = component and _is_there(folder / component / "config.json")
    return read_json(folder, f"{component}/config.json") if known else {}


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A file of the folder; raises `ModelLoadFailed` naming it where it is not there or no JSON object."""
    try:
        value = json.loads((folder / name).read_bytes())
    except FileNotFoundError as error:
        what = "is a link to nothing" if (folder / name).is_symlink() else "is missing in it"
        raise ModelLoadFailed(folder.name, f"{name} {what}", REMEDY) from error
    except (OSError, ValueError) as error:
        raise ModelLoadFailed(folder.name, f"{name} cannot be read ({error})", REMEDY) from error
    if not isinstance(value, dict):
        raise ModelLoadFailed(folder.name, f"{name} holds no JSON object", REMEDY)
    return cast("dict[str, Any]", value)


def _says_flow(folder: Path, components: dict[str, tuple[str, str]]) -> bool:
    name = "scheduler/scheduler_config.json"
    return (
        "scheduler" in components and _is_there(folder / name) and bool(read_json(folder, name).get("use_flow_sigmas"))
    )


def _guidance(folder: Path, components: dict[str, tuple[str, str]]) -> float | None:
    if "guider" not in components or not (folder / "guider" / "guider_config.json").is_file():
        return None
    said = read_json(folder, "guider/guider_config.json").get("guidance_scale")
    return float(said) if isinstance(said, int | float) and 0 <= said <= 50 else None


def _licence(folder: Path) -> str:
    readme = folder / "README.md"
    if readme.is_file():
        found = re.search(r"^license(?:_name)?:\s*(\S+)", readme.read_text("utf-8", "replace")[:4000], re.MULTILINE)
        if found:
            return found.group(1)
    return "see the model's page"
