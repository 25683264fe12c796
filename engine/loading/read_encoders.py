"""The components of a folder that transformers reads: whole, or refused."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (transformers leaves most types open)

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import transformers

from engine.errors import ModelLoadFailed
from engine.model_files.diffusers_folder import REMEDY, UNWANTED, ModelFolder
from engine.model_files.lacking_weights import lacking


def read_encoders(
    path: Path,
    found: ModelFolder,
    options: Mapping[str, Any],
    quantization: Mapping[str, Any],
    absent: Iterable[str],
) -> dict[str, Any]:
    """Component -> module, of those in `found` that are classes of transformers, but for what is `absent`.

    diffusers reads them in the same way, and does not hear what transformers has to say of them.

    `options` are those of diffusers' pipelines, "dtype" for each component; `quantization` has configurations of
    components that are quantised while they are read. Raises `ModelLoadFailed` for one that lacks weights, and
    whatever transformers raises.
    """
    made: dict[str, Any] = {}
    for name in found.weights.keys() - {*absent, *UNWANTED}:
        library, class_name = found.components[name]
        cls: Any = getattr(transformers, class_name, None)
        if library != "transformers" or cls is None:
            continue
        dtypes = options["dtype"]
        more = {"dtype": dtypes.get(name, dtypes["default"]) if isinstance(dtypes, Mapping) else dtypes}
        if name in quantization:
            more["quantization_config"] = quantization[name]
        if found.modular and found.weights[name].variant:
            more["variant"] = found.weights[name].variant
        made[name] = _read_encoder(name, cls, path, {**options, **more})
    return made


def _read_encoder(name: str, cls: Any, path: Path, options: Mapping[str, Any]) -> Any:
    module, said = cls.from_pretrained(str(path / name), output_loading_info=True, **options)
    if words := lacking(module, said, but_for_its_head=True):
        raise ModelLoadFailed(path.name, f"its {name} {words}", REMEDY)
    return module
