"""What a model is and can do, read from its preset or its files. Torch-free."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from engine import folders
from engine.errors import ModelLoadFailed
from engine.model_spec import FLOW_NOISE_SCHEDULERS, NOISE_SCHEDULERS, ModelSpec, Source
from engine.pipeline_names import Need, need_of, unfit
from engine.pulled import find_pulled
from engine.settings import ModelSettings
from engine.signatures import Signature, Signatures
from engine.single_file import base_model


class SpecReader:
    """Reads presets, folders and single files into `ModelSpec`s."""

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir
        self._signatures = Signatures()
        self.presets: Mapping[str, Mapping[str, Any]] = tomllib.loads(
            (resources.files("engine") / "presets.toml").read_text("utf-8")
        )

    def read(self, name: str, chosen: ModelSettings | None) -> ModelSpec:
        """The model the host chose under that name, or the preset; raises `ModelLoadFailed` for what is no model."""
        if chosen is None:
            return self._preset(name, self.presets[name])
        preset = self.presets.get(chosen.source)
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
            pulled = find_pulled(source, self._models_dir)
            return replace(self._folder(name, pulled), source=source) if pulled else self._of_class(name, source, "")
        path = Path(location).expanduser()
        return self._single_file(name, path) if path.suffix == ".safetensors" else self._folder(name, path)

    def _single_file(self, name: str, path: Path) -> ModelSpec:
        base = self._preset(name, self.presets[base_model(path)])
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
        own: dict[str, Any] = {} if found.guidance is None else {"guidance_scale": found.guidance}
        if found.distilled:
            own = {"num_inference_steps": 4, "guidance_scale": 1.0}
        return replace(
            base,
            width=found.side,
            height=found.side,
            size_multiple=found.size_multiple,
            memory_gb=found.bytes / 1e9,
            licence=found.licence,
            noise_schedulers=_compatible(found.noise_scheduler),
            need=found.need or self._need(found),
            **own,
        )

    def _need(self, found: folders.ModelFolder) -> Need:
        # A Modular pipeline is one class for everything its blocks can do.
        return "words" if found.modular else need_of(found.pipeline, lambda name: self._signatures.of(name).is_known)

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
    heard = takes & {"negative_prompt"} if _heeds(signature) else frozenset[str]()
    return heard | frozenset({"guidance"} if guided else ())


def _heeds(signature: Signature) -> bool:
    """FLUX.1 has its guidance inside, and a second scale, which is off, for negative prompts."""
    scales = signature.defaults.get("guidance_scale"), signature.defaults.get("true_cfg_scale")
    return not (isinstance(scales[0], int | float) and isinstance(scales[1], int | float) and scales[1] <= 1)
