"""Checks that the files of a diffusers folder are complete. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Collection, Generator
from pathlib import Path
from typing import Any, cast

from engine.errors import ModelLoadFailed
from engine.model_files.checkpoint import FLOAT8, is_beside_weights
from engine.model_files.diffusers_folder import REMEDY, UNWANTED, WEIGHTLESS, ModelFolder, read_json
from engine.model_files.single_file import header_of, tensor_names
from engine.model_files.weight_files import Weights
from engine.model_spec import EVERY

_BYTES = re.compile("ByT5")
"""Tokenizers whose vocabulary is the 256 bytes."""
_VOCABULARY = ("tokenizer.json", "vocab*", "*vocab.json", "*.model", "*.tiktoken", "merges.txt")


def files_below(folder: Path, above: tuple[Path, ...] = ()) -> Generator[Path]:
    """Every file in a folder, through links, in order of their paths; a link back to where it lies is not followed."""
    if (real := folder.resolve()) in above:
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from files_below(path, (*above, real))
        else:
            yield path


def prove_files(
    folder: Path,
    found: ModelFolder,
    elsewhere: Collection[str] = frozenset(),
    weightless: Collection[str] = frozenset(),
) -> None:
    """Check that no file of a folder is missing or cut short. Raises `ModelLoadFailed`.

    Components named in `elsewhere` come from another folder; of those in `weightless` only the weights do, of all of
    them where `EVERY` is among them.
    """
    for name, (_, class_name) in found.components.items():
        if name in {*UNWANTED, *elsewhere} or (found.modular and not (folder / name).is_dir()):
            continue  # a Modular index may point to other places
        if not (folder / name).is_dir():
            what = "is a link to nothing" if (folder / name).is_symlink() else "is missing in it"
            raise ModelLoadFailed(folder.name, f"the folder {name} {what}", REMEDY)
        _prove_configuration(folder, name, class_name)
        if name in weightless or EVERY in weightless:
            continue
        if weights := found.weights.get(name):
            _prove_weights(folder, name, weights)
        elif not WEIGHTLESS.search(class_name):
            raise ModelLoadFailed(folder.name, f"there are no .safetensors in {name}", _weights_remedy(folder / name))


def _prove_configuration(folder: Path, name: str, class_name: str) -> None:
    if "Scheduler" in class_name:
        read_json(folder, f"{name}/scheduler_config.json")
    elif not WEIGHTLESS.search(class_name):
        read_json(folder, f"{name}/config.json")
    elif "Tokenizer" in class_name and not _BYTES.search(class_name) and not _has_vocabulary(folder / name):
        raise ModelLoadFailed(folder.name, f"{name} holds no vocabulary", REMEDY)


def _has_vocabulary(tokenizer: Path) -> bool:
    return any(path.is_file() for pattern in _VOCABULARY for path in tokenizer.glob(pattern))


def _prove_weights(folder: Path, name: str, weights: Weights) -> None:
    for file in _shards(folder, name, weights):
        try:
            names = tensor_names(folder / name / file)
        except ModelLoadFailed as error:
            raise ModelLoadFailed(folder.name, f"in {name}, {error.why}", REMEDY) from error
        if any(map(is_beside_weights, names)) and _is_scaled(folder, name, file):
            why = f"in {name}, {file} is float8 with scales beside it, which is not read from a folder"
            raise ModelLoadFailed(folder.name, why, "choose its bf16 or fp16 weights")


def _is_scaled(folder: Path, name: str, file: str) -> bool:
    """Float8 weights that mean something else than they say, and no word of it for the library that reads them."""
    if "quantization_config" in read_json(folder, f"{name}/config.json"):
        return False
    return any(tensor.dtype in FLOAT8 for tensor in header_of(folder / name / file).tensors.values())


def _shards(folder: Path, name: str, weights: Weights) -> tuple[str, ...]:
    """The files that hold a component's weights: what its index names, where there is one."""
    if not weights.is_sharded:
        return weights.files
    if weights.index is None:
        raise ModelLoadFailed(folder.name, f"in {name}, the index of {weights.files[0]} is missing", REMEDY)
    places = read_json(folder, f"{name}/{weights.index}").get("weight_map")
    if not isinstance(places, dict) or not places:
        raise ModelLoadFailed(folder.name, f"{name}/{weights.index} names no files", REMEDY)
    return tuple(sorted({str(place) for place in cast("dict[str, Any]", places).values()}))


def _weights_remedy(component: Path) -> str:
    others = sorted(path.name for path in component.glob("*.safetensors"))
    return f"the libraries that read it look for other names than {others[0]}" if others else REMEDY
