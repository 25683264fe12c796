"""Reads a model's `ModelSpec` from its preset or its files. Torch-free."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from engine.catalogue.controls import chosen_controls, own_controls
from engine.catalogue.file_spec import base_of, of_file, prove_base
from engine.catalogue.model_keys import prove_keys
from engine.errors import ModelLoadFailed
from engine.model_files import diffusers_folder
from engine.model_files.checkpoint import SUFFIXES, read_checkpoint
from engine.model_files.diffusers_folder import REMEDY, UNWANTED
from engine.model_files.folder_check import prove_files
from engine.model_files.local_models import find_pulled
from engine.model_files.single_file import tensor_names
from engine.model_files.tool_files import prove_adapter
from engine.model_spec import FLOW_NOISE_SCHEDULERS, NOISE_SCHEDULERS, ModelSpec, Source
from engine.pipelines.controls import needs_control, plain_class
from engine.pipelines.names import Need, need_of, unfit
from engine.pipelines.references import references_of
from engine.pipelines.sampler_names import sampler_named
from engine.pipelines.signatures import Signature, Signatures, is_offered
from engine.settings import ModelSettings

_WORDS = re.compile(r"(text_encoder|tokenizer)(_\d)?$")
"""Components that read prompts: diffusers calls some optional, for callers that bring embeddings instead."""


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
        source = chosen.location if chosen else name
        if chosen and chosen.base and Path(source).suffix not in SUFFIXES and not Path(source).is_file():
            raise ModelLoadFailed(name, f"base is for models in one file, and {Path(source).name} is none", "remove it")
        if preset := self.presets.get(source):
            base = self._preset(name, preset)
            self._prove_pulled(base)
        else:
            base = self._inspect(name, source, chosen)
        return self._chosen(base, chosen) if chosen else base

    def _chosen(self, base: ModelSpec, chosen: ModelSettings) -> ModelSpec:
        """The model with the host's settings for it."""
        said = chosen.model_dump(exclude={"source", "path", "base", "vae", "controls"}, exclude_none=True)
        said |= prove_keys(base, chosen, self._signatures.of(base.pipeline))
        if chosen.num_inference_steps is not None:
            said["picture_steps"] = None  # a host's number is meant for everything
        if chosen.noise_scheduler is not None:
            sampler = sampler_named(chosen.noise_scheduler, base.noise_schedulers)
            if sampler is None:
                why = f"noise_scheduler: there is no {chosen.noise_scheduler!r} for it"
                raise ModelLoadFailed(base.name, why, f"it runs with {', '.join(base.noise_schedulers)}")
            said["noise_scheduler"] = sampler.noise_scheduler
            said["noise_scheduler_options"] = {**base.noise_scheduler_options, **sampler.options}
        if chosen.style_adapter is not None:
            prove_adapter(base.name, chosen.style_adapter, chosen.style_encoder)
        if chosen.controls:
            said["controls"] = chosen_controls(base, chosen.controls, self._models_dir)
        return replace(base, **said)

    def _prove_pulled(self, spec: ModelSpec) -> None:
        for source in spec.sources:
            pulled = find_pulled(source, self._models_dir) if source.origin == "hub" else None
            if pulled is None:
                continue
            try:
                if source.file:
                    tensor_names(pulled)
                else:
                    read = diffusers_folder.read(pulled, source.variant, self._takes)
                    prove_files(pulled, read, source.shared, source.weightless)
            except ModelLoadFailed as error:
                remedy = f"darkroom models verify {spec.name}, then darkroom models pull {spec.name}"
                raise ModelLoadFailed(spec.name, error.why, remedy) from error

    def _takes(self, pipeline: str) -> frozenset[str]:
        return self._signatures.of(pipeline).components

    def _preset(self, name: str, preset: Mapping[str, Any]) -> ModelSpec:
        source = _source(preset)
        folder = Path(source.location)
        if source.origin == "folder" and any((folder / index).is_file() for index in diffusers_folder.INDEXES):
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
        if "controls" in preset:
            brought = {type_: _packaged(place) for type_, place in preset["controls"].items()}
            parts["controls"] = chosen_controls(base, brought, self._models_dir)
        return replace(base, **{**known, **parts})

    def _inspect(self, name: str, location: str, chosen: ModelSettings | None) -> ModelSpec:
        if location.startswith("hf:"):
            source = _hub_source(location)
            pulled = find_pulled(source, self._models_dir)
            return replace(self._folder(name, pulled), source=source) if pulled else self._of_class(name, source, "")
        path = Path(location)
        return self._single_file(name, path, chosen) if path.suffix in SUFFIXES else self._folder(name, path)

    def _single_file(self, name: str, path: Path, chosen: ModelSettings | None) -> ModelSpec:
        try:
            found = read_checkpoint(path)
        except ModelLoadFailed as error:  # a file does not know under which name it is offered
            raise ModelLoadFailed(name, error.why, error.remedy) from error
        said = base_of(name, path, found, chosen.base if chosen else None)
        held = found.components | ({"vae"} if chosen and chosen.vae else set[str]())
        base = self._base(name, said, tuple(sorted(held)), found.family.pipeline)
        lent = base.source
        folder = find_pulled(lent, self._models_dir) if lent.origin == "hub" else Path(lent.location)
        prove_base(name, path, found, base, folder)
        return of_file(path, found, base, lent, 0.0 if folder is None else base.memory_gb)

    def _base(self, name: str, said: str, held: tuple[str, ...], pipeline: str) -> ModelSpec:
        """Who lends a file its configuration, and the weights of all but the components that are `held` elsewhere."""
        if preset := self.presets.get(said):
            base = self._preset(name, preset)
            base = replace(base, source=replace(base.source, weightless=held), fused_lora=None, prior=None, stages=())
            self._prove_pulled(base)
            return replace(base, memory_gb=0.0)
        if not said.startswith("hf:"):
            return self._folder(name, Path(said), held)
        source = replace(_hub_source(said), weightless=held)
        pulled = find_pulled(source, self._models_dir)
        return replace(
            self._folder(name, pulled, held) if pulled else self._of_class(name, source, pipeline), source=source
        )

    def _folder(self, name: str, path: Path, weightless: tuple[str, ...] = ()) -> ModelSpec:
        try:
            found = diffusers_folder.read(path, takes=self._takes)
            self._check_pipeline(name, found)
            self._check_components(name, found)
            prove_files(path, found, weightless=weightless)
        except ModelLoadFailed as error:  # a folder does not know under which name it is offered
            raise ModelLoadFailed(name, error.why, error.remedy) from error
        base = self._of_class(name, Source("folder", str(path), weightless=weightless), plain_class(found.pipeline))
        own: dict[str, Any] = {} if found.guidance is None else {"guidance_scale": found.guidance}
        if found.distilled:
            own = {"num_inference_steps": 4, "guidance_scale": 1.0}
        return replace(
            base,
            width=found.side,
            height=found.side,
            size_multiple=found.size_multiple,
            memory_gb=found.bytes_without(weightless) / 1e9,
            licence=found.licence,
            noise_schedulers=_compatible(found.noise_scheduler, found.is_flow),
            need=found.need or self._need(found),
            controls=own_controls(found.pipeline, path),
            **own,
        )

    def _need(self, found: diffusers_folder.ModelFolder) -> Need:
        if needs_control(found.pipeline):
            return "control"
        # A Modular pipeline is one class for everything its blocks can do.
        plain = plain_class(found.pipeline)
        return "words" if found.modular else need_of(plain, lambda name: self._signatures.of(name).is_known)

    def _check_pipeline(self, name: str, found: diffusers_folder.ModelFolder) -> None:
        signature = self._signatures.of(found.pipeline)
        if not signature.is_known:
            why = f"its index names the pipeline {found.pipeline!r}, which the installed diffusers does not have"
            raise ModelLoadFailed(name, why, "correct _class_name there, or install a newer diffusers")
        if why := unfit(found.pipeline, signature):
            raise ModelLoadFailed(name, f"{found.pipeline} draws no pictures from words: {why}", "choose another model")

    def _check_components(self, name: str, found: diffusers_folder.ModelFolder) -> None:
        signature = self._signatures.of(found.pipeline)
        wordy = {part for part in signature.components if _WORDS.match(part)}
        needed = (signature.components - signature.optional | wordy) - found.components.keys()
        # Some are left out on purpose: SD 3 without T5, and old safety checkers.
        lacking = sorted(needed - found.left_out | needed - signature.lacks_well - UNWANTED)
        if lacking:
            why = f"its index names no {' and no '.join(lacking)}, which {found.pipeline} needs"
            raise ModelLoadFailed(name, why, REMEDY)
        for part, (library, class_name) in found.components.items():
            if library == "diffusers" and not is_offered(class_name):
                why = f"its {part} names the class {class_name!r}, which the installed diffusers does not have"
                raise ModelLoadFailed(name, why, "correct it in the index, or install a newer diffusers")

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
            references=references_of(pipeline, signature),
        )


def _source(entry: Mapping[str, Any]) -> Source:
    if "package" in entry:
        return Source("folder", _packaged(entry["package"]))
    found = _hub_source(str(entry["source"]))
    chosen = {key: entry[key] for key in entry.keys() & {"revision", "file", "variant"}}
    return replace(found, shared=tuple(entry.get("shared", ())), **chosen)


def _packaged(place: object) -> str:
    """The path of a folder that comes with this package."""
    return str(resources.files("engine") / str(place))


def _lines(name: str) -> tuple[str, ...]:
    return tuple((resources.files("engine") / name).read_text("utf-8").splitlines())


def _hub_source(text: str) -> Source:
    repository, _, revision = text.removeprefix("hf:").partition("@")
    return Source("hub", repository, revision or None)


def _compatible(noise_scheduler: str, is_flow: bool) -> tuple[str, ...]:
    if not noise_scheduler:
        return ()
    usual = FLOW_NOISE_SCHEDULERS if is_flow else NOISE_SCHEDULERS
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
