"""Reads a recipe of stable-diffusion-webui and its heirs, ComfyUI, InvokeAI, Fooocus, or ours from a picture's file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from engine.errors import InvalidRequest
from engine.pictures.parameters import parse_parameters
from engine.recipes.comfyui import read_graph
from engine.recipes.file_words import words_in
from engine.recipes.foreign_recipe import ForeignRecipe, decimal, stem, whole

_LORA = re.compile(r"<lora:([^<>:]+):([+-]?[0-9.]+)>")
_NEGATIVE = re.compile(r"(?:^|\s)Negative prompt:\s*")
_DREAM = re.compile(r'^"(?P<words>.*)"(?P<flags>(?:\s+-\S+(?:\s+[^-\s]\S*)?)*)\s*$', re.DOTALL)


def read_recipe(content: bytes) -> ForeignRecipe:
    """The recipe in a picture's file. Raises `InvalidRequest` where there is none, or none that can be understood."""
    words = words_in(content)
    try:
        found = _read(words)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidRequest("image", "the recipe in this picture's file is damaged") from error
    if found is None:
        raise InvalidRequest("image", "this picture's file carries no recipe; Discord and phones often take it out")
    return found


def _read(words: Mapping[str, str]) -> ForeignRecipe | None:
    if "darkroom" in words:
        return _ours(json.loads(words["darkroom"]))
    if "invokeai_metadata" in words:
        return _invokeai(json.loads(words["invokeai_metadata"]))
    if "sd-metadata" in words:
        return _old_invokeai(json.loads(words["sd-metadata"]))
    if "Dream" in words:
        return _dream(words["Dream"])
    if words.get("prompt", "").lstrip().startswith("{"):
        return read_graph(json.loads(words["prompt"]))
    text = words.get("parameters") or words.get("Comment", "")
    if text.lstrip().startswith("{"):
        said = json.loads(text)
        return _fooocus(said) if "prompt" in said and "sampler" in said else None
    if text and (found := _webui(text, words)):
        return found
    if "workflow" in words:
        raise InvalidRequest("image", "its ComfyUI workflow has no list of what was run; save it with metadata")
    return None


def _webui(text: str, words: Mapping[str, str]) -> ForeignRecipe | None:
    found = parse_parameters(text.replace("\r\n", "\n"))
    if not {"Steps", "Seed", "Sampler"} & found.fields.keys():
        return None
    prompt, negative = found.prompt, found.negative_prompt
    if not negative and (inline := _NEGATIVE.search(prompt)):  # some heirs write both on one line
        prompt, negative = prompt[: inline.start()], prompt[inline.end() :]
    fields = found.fields
    width, _, height = fields.get("Size", "").partition("x")
    kind = fields.get("Schedule type", "")
    sampler = fields.get("Sampler", "")
    loras = _LORA.findall(f"{prompt} {fields.get('Lora', '')}")
    return ForeignRecipe(
        tool=_tool(fields.get("Version", ""), words),
        prompt=_LORA.sub("", prompt).strip(),
        negative_prompt=negative.strip(),
        seed=whole(fields.get("Seed")),
        num_inference_steps=whole(fields.get("Steps")),
        guidance_scale=decimal(fields.get("Distilled CFG Scale") or fields.get("CFG scale")),
        sampler=sampler if kind in ("", "Automatic", "Normal") or kind in sampler else f"{sampler} {kind}",
        width=whole(width),
        height=whole(height),
        model=fields.get("Model", ""),
        loras=tuple((name, float(weight)) for name, weight in dict(loras).items()),
    )


def _tool(version: str, words: Mapping[str, str]) -> str:
    if version.startswith("Fooocus") or words.get("fooocus_scheme"):
        return "Fooocus"
    if version.startswith("Darkroom"):
        return "Darkroom"
    return "ComfyUI" if version.startswith("ComfyUI") else "stable-diffusion-webui"


def _ours(said: Mapping[str, Any]) -> ForeignRecipe:
    asked: Mapping[str, Any] = said["request"]
    if said.get("kind") in ("upscale", "describe", "cut_out"):
        raise InvalidRequest(
            "image", "this picture was only enlarged or cut out; the one it was made from has the recipe"
        )
    recipe: Mapping[str, Any] = said.get("recipe") or {}
    doubts = [] if said.get("kind") == "text_to_image" else ["it was made from another picture, which is needed too"]
    return ForeignRecipe(
        tool="Darkroom",
        prompt=str(asked["prompt"]),
        negative_prompt=str(asked.get("negative_prompt") or ""),
        seed=whole(said.get("cell_seed")),
        num_inference_steps=whole(asked.get("num_inference_steps")),
        guidance_scale=decimal(asked.get("guidance_scale")),
        sampler=str(recipe.get("sampler") or asked.get("noise_scheduler") or ""),
        width=whole(asked.get("width")),
        height=whole(asked.get("height")),
        model=str(asked.get("model") or ""),
        loras=tuple((str(lora["name"]), float(lora["weight"])) for lora in asked.get("loras") or ()),
        doubts=tuple(doubts),
    )


def _fooocus(said: Mapping[str, Any]) -> ForeignRecipe:
    size = re.findall(r"[0-9]+", str(said.get("resolution", "")))
    width, height = [*size, "", ""][:2]
    pairs = [value for key, value in said.items() if re.fullmatch(r"lora_combined_[0-9]+", key)]
    named: list[tuple[Any, Any]] = [(each[0], each[2]) for each in (str(pair).rpartition(":") for pair in pairs)]
    given: list[tuple[Any, Any]] = [(each[0], each[1]) for each in _items(said.get("loras"))]
    styles = said.get("styles")
    doubts = [f"its styles ({styles}) are not part of the prompt here"] if styles not in (None, "", "[]", []) else []
    return ForeignRecipe(
        tool="Fooocus",
        prompt=str(said["prompt"]),
        negative_prompt=str(said.get("negative_prompt") or ""),
        seed=whole(said.get("seed")),
        num_inference_steps=whole(said.get("steps")),
        guidance_scale=decimal(said.get("guidance_scale")),
        sampler=" ".join(filter(None, (str(said["sampler"]), _schedule(said.get("scheduler"))))),
        width=whole(width),
        height=whole(height),
        model=stem(said.get("base_model")),
        loras=_weighed(named or given),
        doubts=tuple(doubts),
    )


def _schedule(said: object) -> str:
    return str(said) if said not in (None, "", "normal", "simple") else ""


def _invokeai(said: Mapping[str, Any]) -> ForeignRecipe:
    model, loras = said.get("model"), [_map(each) for each in _items(said.get("loras"))]
    weighed = [(_name(each.get("model") or each.get("lora")), each.get("weight")) for each in loras]
    return ForeignRecipe(
        tool="InvokeAI",
        prompt=str(said["positive_prompt"]),
        negative_prompt=str(said.get("negative_prompt") or ""),
        seed=whole(said.get("seed")),
        num_inference_steps=whole(said.get("steps")),
        guidance_scale=decimal(said.get("guidance", said.get("cfg_scale"))),
        sampler=str(said.get("scheduler") or ""),
        width=whole(said.get("width")),
        height=whole(said.get("height")),
        model=stem(_name(model)),
        loras=_weighed(weighed),
    )


def _name(model: object) -> object:
    said = _map(model)
    return said.get("name") or said.get("model_name") or model


def _map(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _items(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _old_invokeai(said: Mapping[str, Any]) -> ForeignRecipe:
    image: Mapping[str, Any] = said["image"]
    prompts: Any = image["prompt"]
    text = prompts if isinstance(prompts, str) else ", ".join(str(each["prompt"]) for each in prompts)
    prompt, negative = _bracketed(text)
    return ForeignRecipe(
        tool="InvokeAI",
        prompt=prompt,
        negative_prompt=negative,
        seed=whole(image.get("seed")),
        num_inference_steps=whole(image.get("steps")),
        guidance_scale=decimal(image.get("cfg_scale")),
        sampler=str(image.get("sampler") or ""),
        width=whole(image.get("width")),
        height=whole(image.get("height")),
        model=stem(said.get("model_weights")),
    )


def _dream(text: str) -> ForeignRecipe | None:
    found = _DREAM.match(text.strip())
    if not found:
        return None
    flags = dict(re.findall(r"-([A-Za-z]+)\s*([^\s]*)", found["flags"]))
    prompt, negative = _bracketed(found["words"])
    return ForeignRecipe(
        tool="InvokeAI",
        prompt=prompt,
        negative_prompt=negative,
        seed=whole(flags.get("S")),
        num_inference_steps=whole(flags.get("s")),
        guidance_scale=decimal(flags.get("C")),
        sampler=flags.get("A", ""),
        width=whole(flags.get("W")),
        height=whole(flags.get("H")),
    )


def _bracketed(text: str) -> tuple[str, str]:
    """Prompt and negative prompt, which older versions put into square brackets."""
    negative = ", ".join(part.strip(" ,") for part in re.findall(r"\[([^\[\]]*)\]", text))
    return " ".join(re.sub(r"\[[^\[\]]*\]", " ", text).split()).strip(" ,"), negative


def _weighed(pairs: list[tuple[Any, Any]]) -> tuple[tuple[str, float], ...]:
    found = ((stem(name.strip() if isinstance(name, str) else name), decimal(weight)) for name, weight in pairs)
    return tuple((name, weight) for name, weight in found if name and name != "None" and weight is not None)
