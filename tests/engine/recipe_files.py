"""Pictures with recipes inside, in the formats of other programs, and what each is meant to say."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.events import Recipe
from engine.pictures.parameters import text_chunks
from engine.recipes.foreign_recipe import ForeignRecipe
from engine.requests import ImageRequest, LoRA


@dataclass(frozen=True)
class File:
    """A picture's file, and its recipe."""

    content: bytes
    meant: ForeignRecipe


def png(texts: Mapping[str, str]) -> bytes:
    """A PNG with these text chunks."""
    info, buffer = PngInfo(), io.BytesIO()
    for key, text in texts.items():
        info.add_itxt(key, text)
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def with_comment(comment: bytes, format_: str = "JPEG") -> bytes:
    """A JPEG or WebP with an EXIF comment."""
    exif, buffer = Image.Exif(), io.BytesIO()
    exif.get_ifd(0x8769)[0x9286] = comment
    Image.new("RGB", (8, 8)).save(buffer, format_, exif=exif)
    return buffer.getvalue()


def comfy_webp(graph: Mapping[str, Any]) -> bytes:
    """As ComfyUI's own node saves a WebP."""
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0110] = f"prompt:{json.dumps(graph)}"
    exif[0x010F] = "workflow:{}"
    Image.new("RGB", (8, 8)).save(buffer, "WEBP", exif=exif)
    return buffer.getvalue()


def comfy_graph(prompt: str, **sampler: Any) -> dict[str, Any]:
    """ComfyUI's default graph."""
    inputs = {
        "seed": 5, "steps": 20, "cfg": 8.0, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 1.0,
        "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0], **sampler,
    }  # fmt: skip
    return {
        "3": {"class_type": "KSampler", "inputs": inputs},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl/base.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}},
    }


def everything() -> dict[str, File]:
    """All of them by name."""
    return {**webui(), **comfyui(), **invokeai(), **fooocus(), **ours()}


BASE = ForeignRecipe(
    "stable-diffusion-webui", "a fox, snow", "blurry, text", 5, 20, 7.5, "DPM++ 2M Karras", 512, 768, "dream"
)
_LINE = "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 5, Size: 512x768, Model hash: 0a1b, Model: dream"


def webui() -> dict[str, File]:
    """stable-diffusion-webui and its heirs."""
    text = f"a fox, snow\nNegative prompt: blurry, text\n{_LINE}"
    newer = text.replace("DPM++ 2M Karras", "DPM++ 2M, Schedule type: Karras") + ", Version: v1.10.1"
    quoted = f'{text}, Hashes: {{"model": "0a1b", "lora:ink": "ff"}}, TI hashes: "a: b, c: d", Version: v1.9.0'
    return {
        "webui png": File(png({"parameters": text}), BASE),
        "webui jpeg": File(with_comment(b"UNICODE\0" + text.encode("utf-16-be")), BASE),
        "webui jpeg, little-endian": File(with_comment(b"UNICODE\0" + text.encode("utf-16-le")), BASE),
        "webui webp": File(with_comment(b"UNICODE\0" + text.encode("utf-16-be"), "WEBP"), BASE),
        "webui jpeg, ascii": File(with_comment(b"ASCII\0\0\0" + text.encode()), BASE),
        "webui with a schedule of its own": File(png({"parameters": newer}), BASE),
        "webui with quoted commas": File(png({"parameters": quoted}), BASE),
        "webui, all on one line": File(
            png({"parameters": f"a fox, snow Negative prompt: blurry, text\n{_LINE}"}), BASE
        ),
        "webui without a negative prompt": File(
            png({"parameters": f"a fox, snow\n{_LINE}"}), replace(BASE, negative_prompt="")
        ),
        "webui of several lines": File(
            png({"parameters": text.replace("a fox, snow", "a fox,\nsnow")}), replace(BASE, prompt="a fox,\nsnow")
        ),
        "webui with a lora": File(
            png({"parameters": text.replace("snow", "snow <lora:ink:0.8>")}),
            replace(BASE, prompt="a fox, snow", loras=(("ink", 0.8),)),
        ),
        "webui in Japanese": File(
            with_comment(b"UNICODE\0" + text.replace("a fox", "雪の狐").encode("utf-16-be")),
            replace(BASE, prompt="雪の狐, snow"),
        ),
    }


_COMFY = replace(BASE, tool="ComfyUI", prompt="a fox", negative_prompt="blurry", guidance_scale=8.0,
                 sampler="dpmpp_2m karras", model="base")  # fmt: skip


def comfyui() -> dict[str, File]:
    """Graphs of ComfyUI."""
    linked = comfy_graph("")
    linked["6"]["inputs"]["text"] = ["20", 0]
    linked["20"] = {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "a fox"}}
    lora = comfy_graph("a fox", model=["10", 0])
    loader = {"lora_name": "art\\ink.safetensors", "strength_model": 0.8, "strength_clip": 1.0, "model": ["4", 0]}
    lora["10"] = {"class_type": "LoraLoader", "inputs": {**loader, "clip": ["4", 1]}}
    twice = comfy_graph("a fox")
    second = {**twice["3"]["inputs"], "seed": 99, "steps": 7, "denoise": 0.5, "latent_image": ["12", 0]}
    twice["12"] = {"class_type": "LatentUpscale", "inputs": {"samples": ["3", 0], "width": 1024, "height": 1536}}
    twice["13"] = {"class_type": "KSampler", "inputs": second}
    twice["8"]["inputs"]["samples"] = ["13", 0]
    return {
        "comfyui png": File(png({"prompt": json.dumps(comfy_graph("a fox")), "workflow": "{}"}), _COMFY),
        "comfyui webp": File(comfy_webp(comfy_graph("a fox")), _COMFY),
        "comfyui with a linked text": File(png({"prompt": json.dumps(linked)}), _COMFY),
        "comfyui with a lora": File(png({"prompt": json.dumps(lora)}), replace(_COMFY, loras=(("ink", 0.8),))),
        "comfyui in two passes": File(png({"prompt": json.dumps(twice)}), _COMFY),
        "comfyui's flux": File(png({"prompt": json.dumps(flux_graph())}), _FLUX),
    }


_FLUX = ForeignRecipe("ComfyUI", "a fox", "", 5, 20, 3.5, "euler", 512, 768, "flux1-dev")


def flux_graph() -> dict[str, Any]:
    """The graph of FLUX.1, whose parts are nodes of their own."""
    advanced = {"noise": ["25", 0], "guider": ["22", 0], "sampler": ["16", 0], "sigmas": ["17", 0]}
    return {
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["11", 0]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["13", 0]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}},
        "12": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}},
        "13": {"class_type": "SamplerCustomAdvanced", "inputs": {**advanced, "latent_image": ["27", 0]}},
        "16": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "17": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 20, "model": ["12", 0]}},
        "22": {"class_type": "BasicGuider", "inputs": {"model": ["12", 0], "conditioning": ["26", 0]}},
        "25": {"class_type": "RandomNoise", "inputs": {"noise_seed": 5}},
        "26": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["6", 0]}},
        "27": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
    }


_INVOKE = replace(BASE, tool="InvokeAI", sampler="dpmpp_2m_k")


def invokeai() -> dict[str, File]:
    """InvokeAI, from its first versions on."""
    said: dict[str, Any] = {
        "positive_prompt": "a fox, snow", "negative_prompt": "blurry, text", "seed": 5, "steps": 20, "cfg_scale": 7.5,
        "scheduler": "dpmpp_2m_k", "width": 512, "height": 768, "model": {"model_name": "dream", "base_model": "sdxl"},
    }  # fmt: skip
    newer = {**said, "model": {"key": "k", "name": "dream"}, "loras": [{"model": {"name": "ink"}, "weight": 0.8}]}
    image = {
        "prompt": [{"prompt": "a fox, snow [blurry, text]", "weight": 1.0}], "seed": 5, "steps": 20, "cfg_scale": 7.5,
        "sampler": "k_lms", "width": 512, "height": 768,
    }  # fmt: skip
    dream = '"a fox, snow [blurry, text]" -s 20 -S 5 -W 512 -H 768 -C 7.5 -A k_lms'
    return {
        "invokeai 3": File(png({"invokeai_metadata": json.dumps(said)}), _INVOKE),
        "invokeai 5": File(png({"invokeai_metadata": json.dumps(newer)}), replace(_INVOKE, loras=(("ink", 0.8),))),
        "invokeai without a negative prompt": File(
            png({"invokeai_metadata": json.dumps({**said, "negative_prompt": None})}),
            replace(_INVOKE, negative_prompt=""),
        ),
        "invokeai 2": File(
            png({"sd-metadata": json.dumps({"model_weights": "dream", "image": image})}),
            replace(_INVOKE, sampler="k_lms"),
        ),
        "invokeai 1": File(png({"Dream": dream}), replace(_INVOKE, sampler="k_lms", model="")),
    }


def fooocus() -> dict[str, File]:
    """Fooocus in its own scheme."""
    said: dict[str, Any] = {
        "prompt": "a fox, snow", "negative_prompt": "blurry, text", "seed": "5", "steps": 20, "guidance_scale": 7.5,
        "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "resolution": "(512, 768)", "base_model": "dream",
        "base_model_hash": "0a1b", "styles": "[]", "version": "Fooocus v2.5.5",
        "loras": [["ink.safetensors", 0.8, "ff"]],
    }  # fmt: skip
    meant = replace(BASE, tool="Fooocus", sampler="dpmpp_2m_sde_gpu karras", loras=(("ink", 0.8),))
    combined = {**said, "loras": None, "lora_combined_1": "ink.safetensors : 0.8"}
    return {
        "fooocus png": File(png({"parameters": json.dumps(said), "fooocus_scheme": "fooocus"}), meant),
        "fooocus jpeg": File(with_comment(json.dumps(said).encode()), meant),
        "fooocus webp": File(with_comment(json.dumps(said).encode(), "WEBP"), meant),
        "fooocus with combined loras": File(png({"parameters": json.dumps(combined)}), meant),
        "fooocus in webui's scheme": File(
            png({"parameters": f"a fox, snow\nNegative prompt: blurry, text\n{_LINE}, Version: Fooocus v2.5.5"}),
            replace(BASE, tool="Fooocus"),
        ),
    }


def ours() -> dict[str, File]:
    """Cells of ours."""
    request = ImageRequest(
        prompt="a fox, snow", negative_prompt="blurry, text", model="dream", width=512, height=768, seed=5,
        num_inference_steps=20, guidance_scale=7.5, loras=(LoRA(name="ink", weight=0.8),),
    )  # fmt: skip
    recipe = Recipe(
        model="dream", model_hash="0a1b", num_inference_steps=20, guidance_scale=7.5, width=512, height=768, seed=5,
        noise_scheduler="DPMSolverMultistepScheduler", sampler="DPM++ 2M Karras", device="cpu", dtype="float32",
        versions={"darkroom": "0.1.0"},
    )  # fmt: skip
    chunks = text_chunks(request, recipe, 5)
    meant = replace(BASE, tool="Darkroom", loras=(("ink", 0.8),))
    return {
        "darkroom": File(png(chunks), meant),
        "darkroom, as others read it": File(png({"parameters": chunks["parameters"]}), meant),
    }
