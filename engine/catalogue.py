"""Which models there are and what they make of a request. Torch-free: the bot reads it too."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from engine import folders
from engine.errors import InvalidRequest, ModelLoadFailed, UnknownLoRA, UnknownModel
from engine.images import open_picture
from engine.model_spec import FLOW_NOISE_SCHEDULERS, NOISE_SCHEDULERS, ModelSpec, Source
from engine.pipeline_names import unfit
from engine.pulled import find_pulled
from engine.requests import ImageRequest
from engine.settings import EngineSettings, ModelSettings
from engine.signatures import Signature, Signatures
from engine.single_file import base_model, is_of_family, trained_for
from engine.sizes import choose_size, fit_area

__all__ = ["Catalogue", "ModelSpec", "Source", "fit_area"]

AnyRequest = TypeVar("AnyRequest", bound=ImageRequest)


class Catalogue:
    """The presets and the host's own models by name; completes requests and refuses what no model can do."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._signatures = Signatures()
        self._presets: dict[str, dict[str, Any]] = tomllib.loads(
            (resources.files("engine") / "presets.toml").read_text("utf-8")
        )
        self._specs: dict[str, ModelSpec] = {}

    def names(self) -> tuple[str, ...]:
        """Configured models first, then the presets."""
        return tuple(dict.fromkeys((*self._configured(), *self._presets)))

    def spec(self, name: str = "") -> ModelSpec:
        """The model of that name, "" meaning the default.

        Only configured names, presets and `default_model` itself (which may be a path) are taken: a request can
        never make the engine read a path of the asker's choice. Raises `UnknownModel`, or `ModelLoadFailed` when a
        configured folder is no model.
        """
        if not name or name == self._settings.default_model:
            name = self._default_name()
        if name not in self._specs:
            if name not in self.names():
                raise UnknownModel(name, self.names())
            self._specs[name] = self._build(name)
        return self._specs[name]

    def is_present(self, spec: ModelSpec) -> bool:
        """Whether all of the model's files are on this machine."""
        return all(self._is_here(source) for source in spec.sources)

    def is_offered(self, spec: ModelSpec) -> bool:
        """Whether somebody here can draw with it; what lies on a cluster's other machines is not known."""
        return bool(self._settings.cluster.address) or self.is_present(spec)

    def resolve(self, request: AnyRequest) -> tuple[AnyRequest, tuple[str, ...]]:
        """The request with every None filled and its size snapped, and notes for the member.

        Decodes the request's pictures (tens of milliseconds each: call it in a thread). Raises `InvalidRequest`,
        `UnknownModel` or `UnknownLoRA` naming the field.
        """
        spec = self.spec(request.model)
        if not self.is_offered(spec):
            why = f"{spec.name} is not on this machine; its host gets it with: darkroom models pull {spec.name}"
            raise InvalidRequest("model", why)
        self._check_noise_scheduler(spec, request)
        self._check_loras(spec, request)
        self._check_style_image(spec, request)
        (width, height), notes = choose_size(spec, request)
        filled: dict[str, Any] = {
            "model": spec.name,
            "width": width,
            "height": height,
            "num_inference_steps": request.num_inference_steps or spec.num_inference_steps,
            "guidance_scale": spec.guidance_scale if request.guidance_scale is None else request.guidance_scale,
            "noise_scheduler": request.noise_scheduler or spec.noise_scheduler,
        }
        if request.negative_prompt and "negative_prompt" not in spec.capabilities:
            notes = (*notes, f"{spec.name} takes no negative prompt; it was left out")
            filled["negative_prompt"] = ""
        return request.model_copy(update=filled), notes

    def _check_noise_scheduler(self, spec: ModelSpec, request: ImageRequest) -> None:
        if request.noise_scheduler is not None and request.noise_scheduler not in spec.noise_schedulers:
            raise InvalidRequest("noise_scheduler", f"{spec.name} runs with {', '.join(spec.noise_schedulers)}")

    def _check_loras(self, spec: ModelSpec, request: ImageRequest) -> None:
        offered = self._settings.loras
        for lora in request.loras:
            if lora.name not in offered:
                raise UnknownLoRA(lora.name, tuple(offered))
            if self.spec(offered[lora.name].model) != spec:
                raise InvalidRequest("loras", f"{lora.name!r} was made for {offered[lora.name].model}, not {spec.name}")
            self._check_lora_file(spec, lora.name)

    def _check_style_image(self, spec: ModelSpec, request: ImageRequest) -> None:
        if request.style_image is None:
            return
        if spec.style_adapter is None:
            able = [name for name, chosen in self._configured().items() if chosen.style_adapter is not None]
            those = f"; those that can: {', '.join(able)}" if able else ""
            raise InvalidRequest("style_image", f"{spec.name} cannot follow a style picture{those}")
        open_picture(request.style_image, "style_image")

    def _check_lora_file(self, spec: ModelSpec, name: str) -> None:
        try:
            family = trained_for(self._settings.loras[name].path)
        except ModelLoadFailed as error:
            raise InvalidRequest("loras", f"{name!r}: {error.why}") from error
        if family is not None and not is_of_family(spec.pipeline, family):
            raise InvalidRequest("loras", f"{name!r} was trained for {family}, which {spec.name} is not")

    def _is_here(self, source: Source) -> bool:
        if source.origin == "hub":
            return find_pulled(source, self._settings.models_dir) is not None
        path = Path(source.location)
        return path.is_file() if source.origin == "file" else any((path / name).is_file() for name in folders.INDEXES)

    def _configured(self) -> Mapping[str, ModelSettings]:
        default = self._default_name()
        if default == self._settings.default_model:
            return self._settings.models
        return {**self._settings.models, default: ModelSettings(source=self._settings.default_model)}

    def _default_name(self) -> str:
        """The default model's name: what the settings say, or the last part of a path, so that no path leaks out."""
        default = self._settings.default_model
        if default in self._settings.models or default in self._presets:
            return default
        return Path(default.removeprefix("hf:").partition("@")[0]).stem

    def _build(self, name: str) -> ModelSpec:
        chosen = self._configured().get(name)
        if chosen is None:
            return self._preset(name, self._presets[name])
        preset = self._presets.get(chosen.source)
        base = self._preset(name, preset) if preset else self._inspect(name, chosen.source)
        return replace(base, **chosen.model_dump(exclude={"source"}, exclude_none=True))

    def _preset(self, name: str, preset: Mapping[str, Any]) -> ModelSpec:
        source = _source(preset)
        folder = Path(source.location)
        if source.origin == "folder" and any((folder / index).is_file() for index in folders.INDEXES):
            base = self._folder(name, folder)
        else:
            base = self._of_class(name, source, str(preset.get("pipeline", "")))
        known = {key: preset[key] for key in preset.keys() & {each.name for each in fields(ModelSpec)}}
        parts: dict[str, Any] = {
            "source": source,
            "stages": tuple(_source(stage) for stage in preset.get("stages", ())),
        }
        parts |= {key: _source(preset[key]) for key in ("prior", "fused_lora") if key in preset}
        if "vocabulary" in preset:
            parts["vocabulary"] = _lines(str(preset["vocabulary"]))
        return replace(base, **{**known, **parts})

    def _inspect(self, name: str, location: str) -> ModelSpec:
        if location.startswith("hf:"):
            source = _hub_source(location)
            pulled = find_pulled(source, self._settings.models_dir)
            return replace(self._folder(name, pulled), source=source) if pulled else self._of_class(name, source, "")
        path = Path(location).expanduser()
        return self._single_file(name, path) if path.suffix == ".safetensors" else self._folder(name, path)

    def _single_file(self, name: str, path: Path) -> ModelSpec:
        base = self._preset(name, self._presets[base_model(path)])
        size = path.stat().st_size / 1e9
        return replace(base, source=Source("file", str(path)), memory_gb=size, licence="see where the file came from")

    def _folder(self, name: str, path: Path) -> ModelSpec:
        try:
            found = folders.read(path)
            self._check_pipeline(name, found)
            folders.prove_files(path, found)
        except ModelLoadFailed as error:  # a folder does not know under which name it is offered
            raise ModelLoadFailed(name, error.why, error.remedy) from error
        base = self._of_class(name, Source("folder", str(path)), found.pipeline)
        distilled: dict[str, Any] = {"num_inference_steps": 4, "guidance_scale": 1.0} if found.distilled else {}
        return replace(
            base,
            width=found.side,
            height=found.side,
            size_multiple=found.size_multiple,
            memory_gb=found.bytes / 1e9,
            licence=found.licence,
            noise_schedulers=_compatible(found.noise_scheduler),
            **distilled,
        )

    def _check_pipeline(self, name: str, found: folders.ModelFolder) -> None:
        signature = self._signatures.of(found.pipeline)
        if not signature.is_known:
            why = f"its index names the pipeline {found.pipeline!r}, which the installed diffusers does not have"
            raise ModelLoadFailed(name, why, "correct _class_name there, or install a newer diffusers")
        if why := unfit(found.pipeline, signature):
            raise ModelLoadFailed(name, f"{found.pipeline} draws no pictures from words: {why}", "choose another model")

    def _of_class(self, name: str, source: Source, pipeline: str) -> ModelSpec:
        signature = self._signatures.of(pipeline)
        takes = signature.defaults
        true_cfg = takes.get("guidance_scale") is None and "true_cfg_scale" in takes
        parameter = "true_cfg_scale" if true_cfg else "guidance_scale"
        steps, guidance = takes.get("num_inference_steps"), takes.get(parameter)
        return ModelSpec(
            name=name,
            source=source,
            num_inference_steps=steps if isinstance(steps, int) else 28,
            guidance_scale=float(guidance) if isinstance(guidance, int | float) else 5.0,
            width=1024,
            height=1024,
            size_multiple=16,
            memory_gb=0.0,
            licence="see the model's page",
            pipeline=pipeline,
            capabilities=_capabilities(signature),
            guidance_parameter=parameter,
        )


def _source(entry: Mapping[str, Any]) -> Source:
    if "package" in entry:
        return Source("folder", str(resources.files("engine") / str(entry["package"])))
    found = _hub_source(str(entry["source"]))
    chosen = {key: entry[key] for key in entry.keys() & {"revision", "file", "variant"}}
    return replace(found, shared=tuple(entry.get("shared", ())), **chosen)


def _lines(name: str) -> tuple[str, ...]:
    return tuple((resources.files("engine") / name).read_text("utf-8").splitlines())


def _hub_source(text: str) -> Source:
    repository, _, revision = text.removeprefix("hf:").partition("@")
    return Source("hub", repository, revision or None)


def _compatible(noise_scheduler: str) -> tuple[str, ...]:
    if not noise_scheduler:
        return ()
    usual = FLOW_NOISE_SCHEDULERS if noise_scheduler.startswith("Flow") else NOISE_SCHEDULERS
    return usual if noise_scheduler in usual else (noise_scheduler, *usual)


def _capabilities(signature: Signature) -> frozenset[str]:
    takes = signature.blocks or frozenset(signature.defaults)
    if not takes:
        return frozenset({"negative_prompt", "guidance"})  # unknown before it is loaded: assume all
    # A Modular pipeline is guided by a component of its own.
    guided = bool(signature.blocks or takes & {"guidance_scale", "true_cfg_scale"})
    return takes & {"negative_prompt"} | frozenset({"guidance"} if guided else ())
