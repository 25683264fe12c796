"""Models by name, and requests made whole before anything is queued."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from engine.catalogue.catalogue import Catalogue
from engine.engine import Engine
from engine.errors import InvalidRequest, ModelLoadFailed, ModelMissing, UnknownLoRA, UnknownModel
from engine.pipelines.names import need_of
from engine.pipelines.signatures import Signatures
from engine.requests import Blend, Describe, ImageRequest, ImageToImage, Inpaint, LoRA, Outpaint, Upscale
from engine.settings import ClusterSettings, EngineSettings, LoRASettings, ModelSettings
from tests.engine.families import FAMILIES, T2I

WANTED = {
    "pocket",
    "z-image-turbo",
    "flux2-klein-4b",
    "sdxl",
    "sdxl-lightning",
    "sd-1.5",
    "qwen-image",
    "kandinsky-2.2",
    "deepfloyd-if",
}


@pytest.fixture
def tiny(family_folder) -> Catalogue:
    return Catalogue(EngineSettings(default_model=str(family_folder("stable-diffusion"))))


def picture(size: tuple[int, int] = (48, 32), colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_presets_are_complete_and_pinned():
    catalogue = Catalogue(EngineSettings())
    assert set(catalogue.names()) >= WANTED
    for name in WANTED:
        spec = catalogue.spec(name)
        assert spec.num_inference_steps > 0 and spec.memory_gb > 0 and spec.licence
        for source in spec.sources:
            if source.origin == "hub":
                assert source.revision is None or len(bytes.fromhex(source.revision)) == 20


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if T2I not in family.tasks])
def test_a_model_that_only_inpaints_refuses_the_rest_unqueued(family_folder, name):
    catalogue = Catalogue(EngineSettings(default_model=str(family_folder(name))))
    image, mask = picture(), picture(colour="white")
    for able in (
        Inpaint(prompt="x", image=image, mask=mask),
        Outpaint(prompt="x", image=image, zoom=2.0),
        Upscale(image=image),
        Describe(image=image),
    ):
        catalogue.resolve(able)
    for unable in (
        ImageRequest(prompt="x"),
        ImageToImage(prompt="x", image=image),
        Blend(images=(image, mask)),
        Upscale(image=image, mode="creative"),
    ):
        with pytest.raises(InvalidRequest, match="only inside a mask") as refused:
            catalogue.resolve(unable)
        assert refused.value.field == "model"


@pytest.mark.parametrize(
    ("pipeline", "need"),
    [
        ("FluxPipeline", "words"),
        ("FluxFillPipeline", "mask"),
        ("FluxInpaintPipeline", "words"),
        ("StableDiffusionInstructPix2PixPipeline", "picture"),
        ("StableDiffusionXLImg2ImgPipeline", "words"),
        ("IFInpaintingPipeline", "words"),
        ("QwenImageEditPipeline", "picture"),
    ],
)
def test_what_a_request_must_bring_is_known_by_the_class(pipeline, need):
    assert need_of(pipeline, lambda name: Signatures().of(name).is_known) == need


def test_a_refiner_draws_only_from_a_picture(family_folder, tmp_path):
    folder = tmp_path / "refiner"
    shutil.copytree(family_folder("stable-diffusion-xl"), folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "requires_aesthetics_score": True}))
    catalogue = Catalogue(EngineSettings(default_model=str(folder)))
    catalogue.resolve(ImageToImage(prompt="x", image=picture()))
    with pytest.raises(InvalidRequest, match="only from a picture"):
        catalogue.resolve(ImageRequest(prompt="x"))


def test_importing_the_catalogue_loads_no_torch():
    modules = "engine.catalogue.catalogue, engine.pictures.images, engine.pictures.parameters"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_folder_tells_its_defaults(tiny):
    spec = tiny.spec()
    assert (spec.name, spec.pipeline) == ("stable-diffusion", "StableDiffusionPipeline")
    assert (spec.num_inference_steps, spec.guidance_scale) == (50, 7.5)
    assert (spec.width, spec.height, spec.size_multiple) == (64, 64, 8)
    assert "DDIMScheduler" in spec.noise_schedulers and "FlowMatchEulerDiscreteScheduler" not in spec.noise_schedulers


def test_true_cfg_families_say_which_parameter_guides(family_folder):
    catalogue = Catalogue(EngineSettings(default_model=str(family_folder("qwen-image"))))
    assert catalogue.spec().guidance_parameter == "true_cfg_scale"
    assert "FlowMatchHeunDiscreteScheduler" in catalogue.spec().noise_schedulers


def test_every_none_is_filled_and_sizes_are_snapped(tiny):
    request, notes = tiny.resolve(ImageRequest(prompt="a red apple", width=70))
    assert (request.model, request.width, request.height) == ("stable-diffusion", 72, 64)
    assert (request.num_inference_steps, request.guidance_scale) == (50, 7.5)
    assert notes == ("size changed from 70x64 to 72x64: what stable-diffusion can make",)


def test_the_asked_size_is_kept_quietly_when_it_can_be_made(tiny):
    request, notes = tiny.resolve(ImageRequest(prompt="x", width=80, height=48, num_inference_steps=3))
    assert (request.width, request.height, request.num_inference_steps, notes) == (80, 48, 3, ())


def test_a_gigantic_size_comes_down_with_its_aspect_ratio(tiny):
    request, _ = tiny.resolve(ImageRequest(prompt="x", width=4096, height=2048))
    assert (request.width, request.height) == (184, 88)


def test_a_picture_gives_the_aspect_ratio(tiny):
    request, notes = tiny.resolve(ImageToImage(prompt="x", image=picture((480, 240))))
    assert (request.width, request.height, notes) == (88, 48, ())


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: ImageToImage(prompt="x", image=b"GIF89a, honest"), "image"),
        (lambda: Inpaint(prompt="x", image=picture(), mask=b"no mask"), "mask"),
        (lambda: Inpaint(prompt="x", image=picture(), mask=picture((48, 32), "black")), "mask"),
        (lambda: Inpaint(prompt="x", image=picture((64, 64)), mask=picture((64, 32), "white")), "mask"),
        (lambda: Blend(images=(picture(), b"nothing")), "images.1"),
        (lambda: ImageRequest(prompt="x", noise_scheduler="FlowMatchEulerDiscreteScheduler"), "noise_scheduler"),
        (lambda: ImageRequest(prompt="x", noise_scheduler="os.system"), "noise_scheduler"),
    ],
)
def test_what_cannot_be_done_is_refused_by_field(tiny, make, field):
    with pytest.raises(InvalidRequest) as refused:
        tiny.resolve(make())
    assert refused.value.field == field


def test_unknown_models_and_loras_are_named_with_what_is_known(tiny):
    with pytest.raises(UnknownModel, match="pocket"):
        tiny.resolve(ImageRequest(prompt="x", model="dall-e"))
    with pytest.raises(UnknownLoRA):
        tiny.resolve(ImageRequest(prompt="x", loras=(LoRA(name="pixel"),)))


def test_a_model_not_pulled_is_not_offered_and_says_what_to_do(tmp_path):
    settings = EngineSettings(models_dir=tmp_path)
    assert [spec.name for spec in Engine(settings).models()] == ["pocket"]
    with pytest.raises(ModelMissing, match="not on this machine; get it with: darkroom models pull sdxl"):
        Catalogue(settings).resolve(ImageRequest(prompt="a", model="sdxl"))


def test_what_a_clusters_other_machines_have_is_left_to_them(tmp_path):
    settings = EngineSettings(models_dir=tmp_path, cluster=ClusterSettings(address="head:6379"))
    assert Catalogue(settings).resolve(ImageRequest(prompt="a", model="sdxl"))[0].model == "sdxl"


def test_a_request_cannot_name_a_path(tiny, family_folder):
    with pytest.raises(UnknownModel):
        tiny.resolve(ImageRequest(prompt="x", model=str(family_folder("flux"))))


def test_a_lora_of_another_model_is_refused(family_folder):
    settings = EngineSettings(
        default_model=str(family_folder("stable-diffusion")),
        loras={"pixel": LoRASettings(path=Path("pixel.safetensors"), model="sdxl")},
    )
    with pytest.raises(InvalidRequest, match="made for sdxl"):
        Catalogue(settings).resolve(ImageRequest(prompt="x", loras=(LoRA(name="pixel"),)))


def test_the_host_overrides_a_preset(family_folder):
    folder = str(family_folder("flux"))
    settings = EngineSettings(
        models={
            "fast": ModelSettings(source="sdxl", num_inference_steps=8),
            "mine": ModelSettings(source=folder, width=32),
        }
    )
    catalogue = Catalogue(settings)
    assert (catalogue.spec("fast").num_inference_steps, catalogue.spec("fast").source.location) == (
        8,
        "stabilityai/stable-diffusion-xl-base-1.0",
    )
    assert (catalogue.spec("mine").width, catalogue.spec("mine").height) == (32, 1024)
    assert catalogue.is_present(catalogue.spec("mine")) and not catalogue.is_present(catalogue.spec("fast"))


def test_models_without_negative_prompt_say_so(family_folder):
    catalogue = Catalogue(EngineSettings(default_model=str(family_folder("flux2-klein"))))
    request, notes = catalogue.resolve(ImageRequest(prompt="x", negative_prompt="blur", width=32, height=32))
    assert request.negative_prompt == "" and notes == ("flux2-klein takes no negative prompt; it was left out",)


@pytest.mark.parametrize(
    ("index", "why"),
    [
        ({"_class_name": ["my_pipeline", "Mine"]}, "a pipeline of its own"),
        ({"_class_name": "StableDiffusionPipeline", "unet": ["subprocess", "Popen"]}, "subprocess"),
        ({"_class_name": "StableDiffusionPipeline", "unet": ["..", "X"]}, "library"),
    ],
)
def test_folders_that_name_foreign_code_are_refused(tmp_path, index, why):
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ModelLoadFailed, match=why):
        Catalogue(EngineSettings(default_model=str(tmp_path))).spec()


def test_pickled_weights_are_refused(tmp_path):
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelLoadFailed, match=r"pickled.*safetensors"):
        Catalogue(EngineSettings(default_model=str(tmp_path))).spec()


def test_a_folder_that_is_no_model_says_so(tmp_path):
    with pytest.raises(ModelLoadFailed, match=r"model_index\.json"):
        Catalogue(EngineSettings(default_model=str(tmp_path))).spec()


@pytest.mark.parametrize("name", ["model.ckpt", "model.pt", "model.bin"])
def test_a_pickled_checkpoint_is_refused_by_its_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"pickle")
    with pytest.raises(ModelLoadFailed, match=r"could run code.*safetensors"):
        Catalogue(EngineSettings(models={"old": ModelSettings(source=str(tmp_path / name))})).spec("old")
