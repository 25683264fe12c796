"""Checkpoints of one file: known by their header, loaded with a pulled preset's configuration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.catalogue import Catalogue
from engine.errors import ModelLoadFailed
from engine.loading import load
from engine.pulled import hub_folder, write_lock
from engine.settings import EngineSettings, ModelSettings
from tests.engine.checkpoint import write_checkpoint


@pytest.fixture
def settings(family_folder, tmp_path: Path) -> EngineSettings:
    write_checkpoint(family_folder("stable-diffusion"), tmp_path / "dreamy.safetensors")
    models = {"dreamy": ModelSettings(source=str(tmp_path / "dreamy.safetensors"))}
    return EngineSettings(models_dir=tmp_path / "models", models=models)


def pretend_pulled(settings: EngineSettings, folder: Path) -> None:
    """Put the tiny folder where the preset sd-1.5 would have been pulled to, without its weights."""
    source = Catalogue(settings).spec("sd-1.5").source
    snapshot = hub_folder(settings.models_dir) / "models--stable-diffusion-v1-5--stable-diffusion-v1-5" / "snapshots"
    shutil.copytree(folder, snapshot / source.revision, ignore=shutil.ignore_patterns("*.safetensors"))
    write_lock(settings.models_dir, {source.location: {"revision": source.revision, "files": {}}})


def test_the_header_tells_the_family_and_the_preset_lends_its_defaults(settings):
    spec = Catalogue(settings).spec("dreamy")
    assert (spec.source.origin, spec.pipeline) == ("file", "StableDiffusionPipeline")
    assert (spec.num_inference_steps, spec.width) == (25, 512)
    assert spec.licence != Catalogue(settings).spec("sd-1.5").licence
    assert Catalogue(settings).is_present(spec)


def test_one_file_draws_what_its_folder_draws(settings, family_folder):
    folder = family_folder("stable-diffusion")
    pretend_pulled(settings, folder)
    whole = EngineSettings(default_model=str(folder))
    theirs = load(Catalogue(whole).spec(), "cpu", settings=whole)
    ours = load(Catalogue(settings).spec("dreamy"), "cpu", settings=settings)
    asked = {"prompt": "a red apple", "num_inference_steps": 2, "width": 32, "height": 32, "output_type": "pt"}
    pictures = [
        model.pipeline("text_to_image", "DDIMScheduler")(generator=torch.Generator().manual_seed(1), **asked).images
        for model in (ours, theirs)
    ]
    assert torch.equal(*pictures)


def test_without_the_presets_configuration_the_command_is_named(settings):
    with pytest.raises(ModelLoadFailed, match=r"darkroom models pull sd-1\.5"):
        load(Catalogue(settings).spec("dreamy"), "cpu", settings=settings)


def test_a_checkpoint_of_another_family_is_refused_by_its_name(tmp_path):
    save_file({"double_blocks.0.img_attn.qkv.weight": torch.zeros(1)}, tmp_path / "flux.safetensors")
    settings = EngineSettings(models={"flux": ModelSettings(source=str(tmp_path / "flux.safetensors"))})
    with pytest.raises(ModelLoadFailed, match="diffusers folder"):
        Catalogue(settings).spec("flux")


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04pickle", b"<html>please log in</html>" * 9, json.dumps({}).encode()]
)
def test_what_is_no_safetensors_file_is_refused(tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    settings = EngineSettings(models={"x": ModelSettings(source=str(tmp_path / "x.safetensors"))})
    with pytest.raises(ModelLoadFailed, match="safetensors"):
        Catalogue(settings).spec("x")
