"""Any diffusers family loads, shares its weights, and gives every lane a pipeline object of its own."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import diffusers
import pytest
import torch

from engine.catalogue.catalogue import Catalogue
from engine.errors import ModelLoadFailed
from engine.loading.load import load
from engine.loading.loaded_model import LoadedModel
from engine.loading.model_cache import ModelCache
from engine.loading.pipeline_classes import class_for
from engine.model_spec import Source
from engine.settings import EngineSettings, ModelSettings
from tests.engine.families import FAMILIES, INPAINT, draw, parts

LOADED = ("stable-diffusion", "kandinsky-2.2", "deepfloyd-if", "flux2-klein", "z-image", "anima")
"""One UNet, one of two stages, one of pixels, one of packed latents, one of list inputs, one modular."""
WITHOUT_STRENGTH = ("flux2-klein",)


@pytest.fixture
def loaded(family_folder):
    def get(name: str) -> LoadedModel:
        settings = EngineSettings(default_model=str(family_folder(name)))
        return load(Catalogue(settings).spec(), "cpu", settings=settings)

    return get


@pytest.mark.parametrize("name", FAMILIES)
def test_the_class_for_each_task_is_found(name):
    family, base = FAMILIES[name], draw(FAMILIES[name])
    for task in ("text_to_image", "image_to_image", "inpaint"):
        found = class_for(base, task)
        expected = family.tasks.get(task)
        if task == "image_to_image" and name in WITHOUT_STRENGTH:
            expected = None
        assert (found and found.__name__) == expected, task


def test_kandinsky_without_mask_channels_inpaints_generically():
    newer = draw(FAMILIES["kandinsky-2.2"]).components
    older = diffusers.KandinskyCombinedPipeline(
        text_encoder=parts.clip_text(), tokenizer=parts.clip_tokenizer(), **newer
    )
    assert class_for(older, INPAINT) is None
    assert class_for(older, "image_to_image") is diffusers.KandinskyImg2ImgCombinedPipeline


@pytest.mark.parametrize("name", LOADED)
def test_lanes_share_weights_and_nothing_that_changes(loaded, name):
    model = loaded(name)
    one, other = model.pipeline("text_to_image"), model.pipeline("text_to_image")
    assert one is not other and type(one).__name__ == FAMILIES[name].tasks["text_to_image"]
    for part, module in model.parkable.items():
        assert getattr(one, part) is getattr(other, part) is module
    noise_schedulers = [part for part in one.components if part.endswith("scheduler")]
    assert noise_schedulers
    for part in noise_schedulers:
        assert len({id(getattr(pipeline, part)) for pipeline in (one, other, model.base)}) == 3


@pytest.mark.parametrize("name", LOADED)
def test_a_lanes_pipeline_draws_what_the_stock_one_draws(loaded, family_folder, name):
    family = FAMILIES[name]
    options = {"num_inference_steps": 2, "width": family.side, "height": family.side, **family.call}

    def picture(pipeline) -> torch.Tensor:
        result = pipeline(prompt="a red apple", generator=torch.Generator().manual_seed(3), output_type="pt", **options)
        pictures = result["images"] if isinstance(result, dict) else getattr(result, "images", None)
        return pictures if pictures is not None else result.values["images"]

    stock = family.load(family_folder(name)) if name != "anima" else loaded(name).base
    assert torch.equal(picture(loaded(name).pipeline("text_to_image")), picture(stock))


def test_memory_and_identity_are_told(loaded, family_folder, tmp_path):
    model = loaded("stable-diffusion")
    expected = sum(parameter.nbytes for module in model.parkable.values() for parameter in module.parameters())
    assert expected <= model.bytes < expected * 1.1
    assert model.hash == loaded("stable-diffusion").hash != loaded("z-image").hash
    assert (model.dtype, model.vae) == (torch.float32, model.parkable["vae"])


def test_the_host_chooses_the_number_format(family_folder):
    settings = EngineSettings(
        models={"half": ModelSettings(source=str(family_folder("stable-diffusion")), precision="bfloat16")}
    )
    model = load(Catalogue(settings).spec("half"), "cpu", settings=settings)
    assert model.dtype == model.parkable["unet"].dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["EulerDiscreteScheduler", "UniPCMultistepScheduler", "HeunDiscreteScheduler"])
def test_a_lane_may_have_another_noise_scheduler(loaded, name):
    model = loaded("stable-diffusion")
    pipeline = model.pipeline("text_to_image", noise_scheduler=name)
    assert type(pipeline.scheduler).__name__ == name
    assert pipeline.scheduler.config.beta_end == model.base.scheduler.config.beta_end
    assert type(model.pipeline("text_to_image").scheduler) is type(model.base.scheduler)


def test_flow_models_stay_flow_with_another_noise_scheduler(loaded):
    pipeline = loaded("z-image").pipeline("text_to_image", noise_scheduler="UniPCMultistepScheduler")
    config = pipeline.scheduler.config
    assert config.use_flow_sigmas and config.prediction_type == "flow_prediction"


def test_a_stand_in_replaces_a_shared_module_in_every_stage(loaded):
    model = loaded("kandinsky-2.2")
    stand_in = torch.nn.Identity()
    pipeline = model.pipeline("text_to_image", wrap=lambda name, module: stand_in if name == "unet" else module)
    assert pipeline.unet is pipeline.decoder_pipe.unet is stand_in
    assert pipeline.prior_pipe.prior is model.parkable["prior_prior"]


def test_a_task_the_family_lacks_is_said(loaded):
    model = loaded("flux2-klein")
    assert not model.supports("image_to_image") and model.supports(INPAINT)
    with pytest.raises(ValueError, match="image_to_image"):
        model.pipeline("image_to_image")


def test_old_safety_checkers_are_left_out(family_folder, tmp_path):
    folder = shutil.copytree(family_folder("stable-diffusion"), tmp_path / "old")
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (folder / "model_index.json").write_text(json.dumps(index))
    settings = EngineSettings(default_model=str(folder))
    assert load(Catalogue(settings).spec(), "cpu", settings=settings).base.safety_checker is None


def test_two_stages_from_two_folders_become_one_pipeline(family_folder, tmp_path):
    combined = diffusers.KandinskyV22CombinedPipeline.from_pretrained(family_folder("kandinsky-2.2"))
    combined.prior_pipe.save_pretrained(tmp_path / "prior", safe_serialization=True)
    combined.decoder_pipe.save_pretrained(tmp_path / "decoder", safe_serialization=True)
    settings = EngineSettings(default_model="kandinsky-2.2")
    prior, decoder = (Source("folder", str(tmp_path / name)) for name in ("prior", "decoder"))
    spec = replace(Catalogue(settings).spec(), source=decoder, prior=prior)
    model = load(spec, "cpu", settings=settings)
    assert {"prior_prior", "unet", "movq"} <= model.parkable.keys()


def test_missing_weights_are_named_with_the_pull_command(tmp_path):
    settings = EngineSettings(models_dir=tmp_path)
    with pytest.raises(ModelLoadFailed, match="darkroom models pull sdxl-lightning"):
        load(Catalogue(settings).spec("sdxl-lightning"), "cpu", settings=settings)


def test_damaged_weights_fail_by_the_models_name(family_folder, tmp_path):
    folder = shutil.copytree(family_folder("stable-diffusion"), tmp_path / "broken")
    next((folder / "unet").glob("*.safetensors")).write_bytes(b"<html>log in</html>")
    settings = EngineSettings(default_model=str(folder))
    with pytest.raises(ModelLoadFailed, match="broken"):
        load(Catalogue(settings).spec(), "cpu", settings=settings)


def test_the_cache_drops_the_least_recently_used_idle_model(family_folder):
    names = ("stable-diffusion", "stable-diffusion-xl", "latent-consistency")
    settings = EngineSettings(models={name: ModelSettings(source=str(family_folder(name))) for name in names})
    cache = ModelCache(settings, "cpu", budget_bytes=10**9)
    sizes = {name: cache.borrow(name).bytes for name in names}
    cache = ModelCache(settings, "cpu", budget_bytes=sizes[names[0]] + sizes[names[1]] + 1000)
    first, second = cache.borrow(names[0]), cache.borrow(names[1])
    cache.give_back(first)
    cache.give_back(second)
    assert cache.borrow(names[0]) is first
    third = cache.borrow(names[2])
    assert [name for name, _ in cache.models()] == [names[0], names[2]]
    assert not second.parkable and first.parkable["unet"].device.type == "cpu"
    assert not cache.has_room(names[1]) and cache.has_room(names[0])
    cache.give_back(third)
    cache.give_back(first)
    assert cache.has_room(names[1])
