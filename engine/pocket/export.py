"""From a training run to the folder people load: half precision, safetensors, hashes."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import hashlib
import json
from pathlib import Path

import torch
from torch import nn

from engine.pocket.checkpoint import naming
from engine.pocket.codec import PixelCodec
from engine.pocket.denoiser import PocketDenoiser
from engine.pocket.errors import BrokenWeights
from engine.pocket.noise import noise_scheduler

HASHES = "hashes.json"
INDEX = "model_index.json"

_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
    "text_encoder": ["engine.pocket", "RememberingTextEncoder"],
    "tokenizer": ["transformers", "BertTokenizer"],
    "unet": ["engine.pocket", "PocketDenoiser"],
    "vae": ["engine.pocket", "PixelCodec"],
}


def export(denoiser: PocketDenoiser, weights: Path) -> None:
    """Write `denoiser` in float16 and everything of a pipeline folder but the text encoder and tokenizer."""
    nn.Module.to(denoiser, dtype=torch.float16)
    denoiser.save_pretrained(weights / "unet")
    PixelCodec().save_pretrained(weights / "vae")
    noise_scheduler().save_pretrained(weights / "scheduler")
    (weights / INDEX).write_text(json.dumps(_INDEX, indent=2) + "\n")
    write_hashes(weights)


def write_hashes(weights: Path) -> None:
    """Record the sha256 of every weight file."""
    hashes = {str(path.relative_to(weights)): _sha256(path) for path in sorted(weights.rglob("*.safetensors"))}
    (weights / HASHES).write_text(json.dumps(hashes, indent=2) + "\n")


def verify(weights: Path) -> int:
    """Compare every weight file with its recorded hash; returns how many were read.

    Raises:
        BrokenWeights: one is missing or differs.
    """
    with naming(weights / HASHES):
        hashes: dict[str, str] = json.loads((weights / HASHES).read_text())
    for name, expected in hashes.items():
        path = weights / name
        if not path.exists():
            raise BrokenWeights(path, "it is missing")
        if _sha256(path) != expected:
            raise BrokenWeights(path, "its sha256 is not the recorded one")
    return len(hashes)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
