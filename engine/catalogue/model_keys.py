"""A host's further keys for a model: autoencoder, prediction, layers of CLIP, textual inversions. Torch-free."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from engine.errors import ModelLoadFailed
from engine.model_files.single_file import header_of
from engine.model_files.tool_files import prove_tool
from engine.model_spec import ModelSpec, Source
from engine.pipelines.signatures import Signature
from engine.settings import ModelSettings

_WORDS_OF_CLIP = re.compile("(StableDiffusion|LatentConsistency)(?!3)")
"""How pipelines begin whose prompts may hold textual inversions."""
_WORD = re.compile(r"[^\s,;]{1,64}")


def prove_keys(base: ModelSpec, chosen: ModelSettings, signature: Signature) -> dict[str, Any]:
    """The fields of a `ModelSpec` that they fill. Raises `ModelLoadFailed` naming the key and the way out."""
    found: dict[str, Any] = {}
    if chosen.vae is not None:
        found["vae"] = _vae(base.name, Path(chosen.vae))
    if chosen.clip_skip is not None and signature.is_known and "clip_skip" not in signature.defaults:
        raise ModelLoadFailed(base.name, f"clip_skip: {base.pipeline} cannot leave out layers", "remove clip_skip")
    if chosen.embeddings and base.pipeline and not _WORDS_OF_CLIP.match(base.pipeline):
        why = f"embeddings: {base.pipeline} takes no textual inversions"
        raise ModelLoadFailed(base.name, why, "remove embeddings")
    for word, file in chosen.embeddings.items():
        _prove_embedding(base.name, word, file)
    return found


def _vae(model: str, path: Path) -> Source:
    """Where an autoencoder lies."""
    if path.suffix != ".safetensors":
        try:
            prove_tool("vae", path)
        except ModelLoadFailed as error:
            raise ModelLoadFailed(model, f"vae: {error.why}", error.remedy) from error
        return Source("folder", str(path))
    try:
        names = header_of(path).tensors
    except ModelLoadFailed as error:
        raise ModelLoadFailed(model, f"vae: {error.why}", error.remedy) from error
    if not any("decoder." in name for name in names):
        raise ModelLoadFailed(model, f"vae: {path.name} holds no autoencoder", "correct vae in the settings")
    return Source("file", str(path))


def _prove_embedding(model: str, word: str, file: Path) -> None:
    remedy = f"correct embeddings.{word} in the settings"
    if not _WORD.fullmatch(word):
        raise ModelLoadFailed(model, f"embeddings: {word!r} is no single word", "call it by one word")
    if file.suffix != ".safetensors":
        why = f"embeddings: {file.name} is no safetensors file, and others could run code"
        raise ModelLoadFailed(model, why, "convert it to safetensors")
    try:
        tensors = header_of(file).tensors
    except ModelLoadFailed as error:
        raise ModelLoadFailed(model, f"embeddings: {error.why}", error.remedy) from error
    if not 1 <= len(tensors) <= 2 or any(len(tensor.shape) > 2 for tensor in tensors.values()):
        raise ModelLoadFailed(model, f"embeddings: {file.name} is no textual inversion", remedy)
