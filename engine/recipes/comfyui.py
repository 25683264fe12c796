"""Reads what ComfyUI ran: a graph of nodes, each with its inputs, which are values or `[node, output]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from engine.errors import InvalidRequest
from engine.recipes.foreign_recipe import ForeignRecipe, decimal, stem, whole

Node = Mapping[str, Any]
_TEXTS = ("text", "text_g", "text_l", "clip_l", "t5xxl", "prompt", "string", "value", "positive", "negative")
_MODELS = ("ckpt_name", "unet_name", "model_name")
_THROUGH = ("conditioning", "conditioning_1", "conditioning_2", "conditioning_to", "conditioning_from")
_TEXT_NODES = ("CLIPTextEncode", "TextEncode", "String", "Text", "Primitive", "Prompt")
_DEEPEST = 64


def read_graph(graph: object) -> ForeignRecipe:
    """The recipe of the first pass that ended in the picture. Raises `InvalidRequest` where it cannot be told."""
    nodes = cast("Mapping[str, Any]", graph).items()
    return _Graph({str(key): cast("Node", node) for key, node in nodes if isinstance(node, dict)}).recipe()


class _Graph:
    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes

    def recipe(self) -> ForeignRecipe:
        passes = self._passes()
        if not passes:
            raise InvalidRequest("image", "its ComfyUI workflow has no sampler that is known here")
        first = passes[-1]
        inputs = self._inputs(first)
        guider = self._linked(inputs, "guider") or first
        positive = self._texts(guider, ("positive", "conditioning"))
        negative = self._texts(guider, ("negative",))
        if not positive:
            raise InvalidRequest("image", "its prompt comes from a ComfyUI node that is not known here")
        doubts = ["it was drawn in several passes; this is the first"] if len(passes) > 1 else []
        doubts += ["its prompt has several parts, which were joined"] if len(positive) > 1 else []
        width, height = self._size(inputs)
        return ForeignRecipe(
            tool="ComfyUI",
            prompt=", ".join(positive),
            negative_prompt=", ".join(negative),
            seed=self._number(first, ("noise_seed", "seed"), "noise"),
            num_inference_steps=self._number(first, ("steps",), "sigmas"),
            guidance_scale=self._guidance(guider),
            sampler=self._sampler(first),
            width=width,
            height=height,
            model=stem(self._model(guider)),
            loras=tuple(self._loras(guider)),
            doubts=tuple(doubts),
        )

    def _passes(self) -> list[str]:
        """The samplers on the way to the picture that was saved, the last one first."""
        saved = [
            key for key, node in self._nodes.items() if str(node.get("class_type", "")).startswith(("Save", "Preview"))
        ]
        found: list[str] = []
        for start in saved[:1] or list(self._nodes)[-1:]:
            found = [key for key in self._behind(start) if self._is_sampler(key)]
        return found or [key for key in self._nodes if self._is_sampler(key)][:1]

    def _is_sampler(self, key: str) -> bool:
        inputs = self._inputs(key)
        return "latent_image" in inputs and bool({"sampler_name", "guider", "sampler"} & inputs.keys())

    def _behind(self, start: str) -> Iterator[str]:
        """Every node that pictures and latents came through, breadth first."""
        waiting, seen = [start], set[str]()
        while waiting:
            key = waiting.pop(0)
            if key in seen:
                continue
            seen.add(key)
            yield key
            waiting += [target for _, target in self._links(key)]

    def _kind(self, key: str) -> str:
        return str(self._nodes.get(key, {}).get("class_type", ""))

    def _links(self, key: str) -> Iterator[tuple[str, str]]:
        for name, value in self._inputs(key).items():
            if isinstance(value, list) and value and str(cast("list[Any]", value)[0]) in self._nodes:
                yield name, str(cast("list[Any]", value)[0])

    def _inputs(self, key: str) -> Mapping[str, Any]:
        inputs = self._nodes.get(key, {}).get("inputs")
        return cast("Mapping[str, Any]", inputs) if isinstance(inputs, dict) else {}

    def _linked(self, inputs: Mapping[str, Any], name: str) -> str:
        value = inputs.get(name)
        return str(cast("list[Any]", value)[0]) if isinstance(value, list) and value else ""

    def _texts(self, key: str, names: tuple[str, ...]) -> list[str]:
        found: list[str] = []
        for name in names:
            if target := self._linked(self._inputs(key), name):
                found += self._text_of(target, set())
        return list(dict.fromkeys(text for text in found if text))

    def _text_of(self, key: str, seen: set[str]) -> list[str]:
        """The texts behind a node; each node is read once, and none that is not known is guessed."""
        if key in seen or self._kind(key) == "ConditioningZeroOut":
            return []
        seen.add(key)
        inputs, found = self._inputs(key), list[str]()
        has_text = any(mark in self._kind(key) for mark in _TEXT_NODES)
        for name in _TEXTS if has_text else _THROUGH:
            value = inputs.get(name)
            if isinstance(value, str) and has_text:
                found.append(value.strip())
            elif isinstance(value, list):
                found += self._text_of(self._linked(inputs, name), seen)
        return found

    def _number(self, key: str, names: tuple[str, ...], through: str) -> int | None:
        target = self._linked(self._inputs(key), through)
        for inputs in (self._inputs(key), self._inputs(target)):
            for name in names:
                value = inputs.get(name)
                if isinstance(value, list):
                    value = next(
                        (v for v in self._inputs(self._linked(inputs, name)).values() if whole(v) is not None), None
                    )
                if (found := whole(value)) is not None:
                    return found
        return None

    def _guidance(self, key: str) -> float | None:
        """FLUX takes its guidance with the words; its `cfg` of 1 says that there is no other."""
        cfg, at = decimal(self._inputs(key).get("cfg")), key
        for _ in range(_DEEPEST):
            at = next((target for name, target in self._links(at) if name in ("positive", *_THROUGH)), "")
            if not at:
                return cfg
            if (found := decimal(self._inputs(at).get("guidance"))) is not None:
                return found
        return cfg

    def _sampler(self, key: str) -> str:
        inputs = self._inputs(key)
        chosen = self._inputs(self._linked(inputs, "sampler")) if "sampler" in inputs else inputs
        spaced = self._inputs(self._linked(inputs, "sigmas")) if "sigmas" in inputs else inputs
        name, schedule = chosen.get("sampler_name"), spaced.get("scheduler")
        plain = schedule in (None, "normal", "simple") or not isinstance(schedule, str)
        return " ".join(filter(None, (name if isinstance(name, str) else "", "" if plain else str(schedule))))

    def _size(self, inputs: Mapping[str, Any]) -> tuple[int | None, int | None]:
        latent = self._inputs(self._linked(inputs, "latent_image"))
        return whole(latent.get("width")), whole(latent.get("height"))

    def _model_chain(self, key: str) -> Iterator[Mapping[str, Any]]:
        for _ in range(_DEEPEST):
            key = self._linked(self._inputs(key), "model")
            if not key:
                return
            yield self._inputs(key)

    def _model(self, key: str) -> object:
        return next((inputs[name] for inputs in self._model_chain(key) for name in _MODELS if name in inputs), "")

    def _loras(self, key: str) -> Iterator[tuple[str, float]]:
        for inputs in self._model_chain(key):
            weight = decimal(inputs.get("strength_model", inputs.get("strength")))
            if "lora_name" in inputs and weight is not None:
                yield stem(inputs["lora_name"]), weight
