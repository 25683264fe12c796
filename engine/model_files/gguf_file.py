"""Reads the header of a GGUF file, with the extra `gguf`. Torch-free."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import ModelLoadFailed
from engine.model_files.mislabelled import is_safetensors, what_it_is
from engine.model_files.single_file import Header, Tensor

SUFFIX = ".gguf"
BYTES = {
    **dict.fromkeys(("F32", "F16", "BF16"), 2.0),
    "Q8_0": 34 / 32,
    "Q6_K": 210 / 256,
    "Q5_K": 176 / 256,
    "Q5_1": 24 / 32,
    "Q5_0": 22 / 32,
    "Q4_K": 144 / 256,
    "Q4_1": 20 / 32,
    "Q4_0": 18 / 32,
    "Q3_K": 110 / 256,
    "Q2_K": 84 / 256,
    "IQ4_NL": 18 / 32,
    "IQ4_XS": 136 / 256,
}
"""The types that diffusers computes with, and how many bytes of memory one number takes: wide ones are read in the
format that is computed with."""
ARCHITECTURE = "general.architecture"
SHAPE_BEFORE = "comfy.gguf.orig_shape."
"""Before the name of a tensor that was reshaped so that it could be quantised: how ComfyUI-GGUF notes its shape."""
_LANGUAGE = ("token_embd.weight", "blk.0.attn_q.weight", "enc.blk.0.attn_q.weight", "output_norm.weight")
"""Names that llama.cpp gives to the tensors of language models."""


def gguf_header(path: Path) -> Header:
    """The file's header: tensors with the shapes that they have in torch, and what it says of itself.

    Raises `ModelLoadFailed` for a file that is damaged, cut short, no GGUF, or of a language model, and where the
    package is missing that reads it.
    """
    if importlib.util.find_spec("gguf") is None:
        remedy = "in Darkroom's folder: pip install -c constraints.txt '.[gguf]'"
        raise ModelLoadFailed(path.stem, f"{path.name} needs the package gguf, which is missing", remedy)
    if not path.is_file():
        why = f"{path.name} is a link to nothing" if path.is_symlink() else f"there is no file {path.name}"
        raise ModelLoadFailed(path.stem, why, "correct its path in the settings")
    header = _read(path)
    if any(name in header.tensors for name in _LANGUAGE):
        kind = header.metadata.get(ARCHITECTURE, "unknown")
        why = f"{path.name} is a language model ({kind}), which draws no pictures"
        raise ModelLoadFailed(path.stem, why, "choose the .gguf of an image model")
    return header


def _read(path: Path) -> Header:
    gguf: Any = importlib.import_module("gguf")
    try:
        reader = gguf.GGUFReader(str(path))
        metadata = {str(key): said for key, field in reader.fields.items() if (said := _said(str(key), field))}
        tensors = {
            str(each.name): Tensor(str(each.tensor_type.name), _shape(each, metadata)) for each in reader.tensors
        }
    except (OSError, ValueError, LookupError, OverflowError, TypeError, AttributeError, MemoryError) as error:
        raise ModelLoadFailed(path.stem, *_unread(path, error)) from error
    return Header(tensors, metadata)


def _unread(path: Path, error: Exception) -> tuple[str, str]:
    """(why, the way out); the reader of GGUF files says of damaged ones what numpy says."""
    if is_safetensors(path):
        return f"{path.name} is a safetensors file by its content", "rename it to .safetensors"
    what = what_it_is(path)
    if what is not None and not what[1].startswith("rename"):
        return f"{path.name} {what[0]}", what[1]
    said = " ".join(str(getattr(error, "strerror", None) or error).split())[:120]
    return f"{path.name} cannot be read as GGUF; it is damaged or cut short ({said})", "download it again"


def _shape(tensor: Any, metadata: Mapping[str, str]) -> tuple[int, ...]:
    """The tensor's shape before it was packed."""
    before = metadata.get(SHAPE_BEFORE + str(tensor.name))
    sides = before.split(",") if before else reversed(tensor.shape)
    return tuple(int(side) for side in sides)


def _said(key: str, field: Any) -> str:
    """What is needed of it: its architecture, and the shapes of tensors before they were packed ("4,8,3,3")."""
    if key == ARCHITECTURE:
        return str(field.contents())
    return ",".join(str(side) for side in field.contents()) if key.startswith(SHAPE_BEFORE) else ""
