"""Models that are refused, and in which words: those name the file or the key, and the way out."""

from __future__ import annotations

import os
import shutil

import torch

from engine.settings import ModelSettings
from tests.engine.model_changes import (
    FIRST,
    UNET,
    WORDS,
    Make,
    at,
    both,
    cached,
    checkpoint,
    control_network,
    filled,
    quantised,
    single,
    tensors,
    written,
)

SAID: dict[str, tuple[Make, str]] = {
    "a text encoder lacks a tensor": (
        tensors(WORDS, lambda whole: {k: v for k, v in whole.items() if "layers.0.mlp.fc1.weight" not in k}),
        r"its text_encoder lacks weights in its files: .*layers\.0\.mlp\.fc1\.weight; copy or pull",
    ),
    "a text encoder of fewer layers than it says": (
        written("text_encoder/config.json", num_hidden_layers=40),
        r"its text_encoder lacks weights in its files: .* and \d+ more",
    ),
    "an autoencoder lacks a tensor": (
        tensors("vae/diffusion_pytorch_model.safetensors", lambda whole: dict([*whole.items()][1:])),
        r"its vae lacks weights in its files: \S+; copy or pull",
    ),
    "a UNet that is empty": (tensors(UNET, lambda _: {}), r"its unet lacks weights in its files: .* and \d+ more"),
    "a prediction of no meaning": (
        written("scheduler/scheduler_config.json", prediction_type="banana"),
        r"scheduler_config\.json does not work, its PNDMScheduler says: prediction_type given as banana",
    ),
    "a prediction that its class does not know": (
        written("scheduler/scheduler_config.json", prediction_type="sample"),
        r"scheduler_config\.json does not work.*prediction_type given as sample",
    ),
    "a spacing of no meaning": (
        written("scheduler/scheduler_config.json", timestep_spacing="banana"),
        r"scheduler_config\.json does not work.*banana is not supported",
    ),
    "a tokenizer that is no JSON": (filled("tokenizer/tokenizer.json", b"{"), "its tokenizer cannot be read: "),
    "a configuration that cannot be": (written("unet/config.json", attention_head_dim=0), "its unet cannot be read: "),
    "a text encoder of another width": (
        tensors(WORDS, lambda whole: {k: torch.zeros(3, 3) if v.ndim == 2 else v for k, v in whole.items()}),
        "the weights of its text_encoder do not fit its configuration",
    ),
    "a folder around the folder": (
        lambda folder: ModelSettings(
            source=str(shutil.move(folder, folder.parent / f"around-{folder.name}" / "in"))[:-3]
        ),
        r"the folder around-\d+ holds no model_index\.json; point to in in it",
    ),
    "a repository in a cache": (cached, r'holds no model_index\.json; write it as "hf:people/\d+"'),
    "one part of a folder": (
        at(lambda folder: folder / "unet"),
        r"the folder unet holds no model_index\.json; point to \d+,",
    ),
    "a folder with a file": (
        both(
            lambda folder: (folder / "only").mkdir(),
            single("only/one.safetensors", b""),
            at(lambda folder: folder / "only"),
        ),
        r"the folder only holds no model_index\.json; point to a diffusers folder, or to a file in it: one\.s",
    ),
    "a file of another suffix": (
        single("one.sft", b"x"),
        r"one\.sft is no \.safetensors or \.gguf file; rename it to one\.safet",
    ),
    "a pipe": (
        both(
            lambda folder: os.mkfifo(folder / "one.safetensors"),
            at(lambda folder: folder / "one.safetensors"),
        ),
        r"one\.safetensors is no regular file; name the model's own file",
    ),
    "a part of a model": (
        single("unet/one-00001-of-00002.safetensors", {"x": torch.zeros(1)}),
        r"is one of 2 parts of a model; point to \d+, of which it is one part",
    ),
    "a folder of parts": (
        both(
            lambda folder: (folder / "a/b").mkdir(parents=True),
            single("a/b/one-00001-of-00002.safetensors", {"x": torch.zeros(1)}),
            at(lambda folder: folder / "a/b"),
        ),
        r"the folder b holds no model_index\.json; join the parts into one \.safetensors file, or",
    ),
    "the index of parts": (
        both(
            filled("unet/one.safetensors.index.json", b"{}"),
            at(lambda folder: folder / "unet/one.safetensors.index.json"),
        ),
        r"one\.safetensors\.index\.json only lists the parts of a model; point to \d+, of which it is one part",
    ),
    "an empty file": (single("one.safetensors", b""), r"one\.safetensors is empty; download it again"),
    "a GGUF that is called safetensors": (
        single("one.safetensors", b"GGUF\x03\0\0\0" + b"\1" * 64),
        r"one\.safetensors is a GGUF file by its content; rename it to \.gguf",
    ),
    "safetensors that are called GGUF": (
        single("one.gguf", {"x": torch.zeros(1)}),
        r"one\.gguf is a safetensors file by its content; rename it to \.safetensors",
    ),
    "a pickle that is called safetensors": (
        single("one.safetensors", b"PK\x03\x04" + b"\1" * 64),
        r"one\.safetensors is pickled, which could run code; convert it",
    ),
    "a page that is called safetensors": (
        single("one.safetensors", b"<!doctype html>"),
        r"one\.safetensors is a web page, no weights; download it again",
    ),
    "a pointer that is called safetensors": (
        single("one.safetensors", b"version https://git-lfs.github.com/spec/v1"),
        r"one\.safetensors is a pointer of Git LFS, not the file itself; fetch the file",
    ),
    "a first layer of no shape": (
        single("one.safetensors", {FIRST: torch.zeros(()), "x.attn2.to_k.weight": torch.zeros(())}),
        r"one\.safetensors is no checkpoint of a family",
    ),
    "a first layer in a row": (
        checkpoint(lambda whole: whole | {FIRST: whole[FIRST].reshape(-1)}),
        r"one\.safetensors holds no UNet",
    ),
    "float8 of no shape with scales": (
        single(
            "one.safetensors",
            {
                "layers.0.adaLN_modulation.0.weight": torch.zeros((), dtype=torch.float8_e4m3fn),
                "layers.0.adaLN_modulation.0.scale_weight": torch.ones(2),
            },
        ),
        r"in one\.safetensors, layers\.0\.adaLN_modulation\.0\.weight is quantised in a way that is not read here",
    ),
    "a control network as a model": (
        control_network,
        r"diffusion_pytorch_model\.safetensors is a control network, .*name it under controls",
    ),
    "a LoRA that has norms of its model": (
        single(
            "one.safetensors",
            {
                "double_blocks.0.img_attn.norm.key_norm.scale": torch.zeros(4),
                "double_blocks.0.img_attn.proj.lora_A.weight": torch.zeros(4, 4),
            },
        ),
        r"one\.safetensors is a LoRA; put it into the folder of LoRAs",
    ),
    "a text encoder as a model": (
        lambda folder: ModelSettings(source=str(folder / WORDS)),
        r"model\.safetensors is a text encoder only; name an image",
    ),
    "a textual inversion as a model": (
        single("one.safetensors", {"emb_params": torch.zeros(1, 4)}),
        r"one\.safetensors is a textual inversion; name it under",
    ),
    "an upscaler as a model": (
        single("one.safetensors", {"conv_first.weight": torch.zeros(1)}),
        r"one\.safetensors is an upscaler; name it as",
    ),
    "saved quantised, the package is missing": (
        quantised("unet", quant_method="modelopt", quant_type="FP8"),
        r"its unet was saved quantised by modelopt, and the package that reads it is missing; .*pip install",
    ),
    "saved quantised in an unknown way": (
        quantised("unet", quant_method="svdquant"),
        r"its unet was saved quantised as 'svdquant', which the installed diffusers does not read; choose its bf16",
    ),
    "saved quantised, and not how": (
        quantised("text_encoder"),
        r"text_encoder/config\.json says .* not how \(quant_method\)",
    ),
}
"""What is refused, and in which words: the file or the key, and the way out."""
