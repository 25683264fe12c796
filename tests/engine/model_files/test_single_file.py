"""Checkpoints of one file: known by their header, loaded with a pulled preset's configuration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file

from engine.catalogue.catalogue import Catalogue
from engine.errors import InvalidRequest, ModelLoadFailed, ModelMissing
from engine.loading.load import load
from engine.requests import ImageRequest
from engine.settings import EngineSettings, ModelSettings
from tests.engine.checkpoint import write_checkpoint
from tests.engine.single_files import pretend_pulled

WORDS = {"prompt": "a red apple", "num_inference_steps": 3, "width": 32, "height": 32, "output_type": "pt"}
FIRST = "model.diffusion_model.input_blocks.0.0.weight"


@pytest.fixture
def settings(family_folder, tmp_path: Path) -> EngineSettings:
    write_checkpoint(family_folder("stable-diffusion"), tmp_path / "dreamy.safetensors")
    return of_file(tmp_path / "dreamy.safetensors")


def of_file(file: Path, name: str = "dreamy") -> EngineSettings:
    return EngineSettings(models_dir=file.parent / "models", models={name: ModelSettings(source=str(file))})


def changed(settings: EngineSettings, metadata: dict[str, str] | None = None, **tensors: torch.Tensor | None) -> None:
    """Write the file anew with other tensors (None: without it)."""
    file = Path(settings.models["dreamy"].source)
    whole = load_file(file) | {name.replace("__", "."): value for name, value in tensors.items()}
    save_file({name: value for name, value in whole.items() if value is not None}, file, metadata=metadata)


def drawn(pipeline: Any, **asked: Any) -> torch.Tensor:
    return pipeline(generator=torch.Generator().manual_seed(1), **WORDS | asked).images


def ours(settings: EngineSettings, name: str = "dreamy") -> Any:
    return load(Catalogue(settings).spec(name), "cpu", settings=settings)


def test_the_header_tells_the_family_and_presets_lend_defaults(settings):
    spec = Catalogue(settings).spec("dreamy")
    assert (spec.source.origin, spec.pipeline) == ("file", "StableDiffusionPipeline")
    assert (spec.num_inference_steps, spec.width) == (25, 512)
    assert spec.licence != Catalogue(settings).spec("sd-1.5").licence
    assert not Catalogue(settings).is_present(spec), "its configuration was not pulled"


def test_one_file_draws_what_its_folder_draws(settings, family_folder):
    folder = family_folder("stable-diffusion")
    pretend_pulled(settings, folder)
    whole = EngineSettings(default_model=str(folder))
    theirs = load(Catalogue(whole).spec(), "cpu", settings=whole)
    pictures = [drawn(model.pipeline("text_to_image", "DDIMScheduler")) for model in (ours(settings), theirs)]
    assert torch.equal(*pictures)


def test_without_the_presets_configuration_the_command_is_named(settings):
    for refused in (
        lambda: Catalogue(settings).resolve(ImageRequest(prompt="a", model="dreamy")),
        lambda: ours(settings),
    ):
        with pytest.raises(ModelMissing, match=r"darkroom models pull dreamy"):
            refused()


@pytest.mark.parametrize("name", ["sd-1.5", "sdxl"])
def test_a_presets_name_lends_a_file_nothing_of_the_preset(settings, family_folder, tmp_path, name):
    pretend_pulled(settings, family_folder("stable-diffusion"))
    shutil.copy(tmp_path / "dreamy.safetensors", tmp_path / f"{name}.safetensors")
    mine = of_file(tmp_path / f"{name}.safetensors", name)
    assert torch.equal(
        drawn(ours(mine, name).pipeline("text_to_image")), drawn(ours(settings).pipeline("text_to_image"))
    )
    as_default = EngineSettings(models_dir=mine.models_dir, default_model=mine.models[name].source)
    assert ours(as_default, name).base.unet is not None


V, SNR = torch.zeros(0), torch.zeros(0)
MARKS = {
    "markers": ({"v_pred": V, "ztsnr": SNR}, None, (True, True)),
    "v alone": ({"v_pred": V}, None, (True, False)),
    "the standard's metadata": ({}, {"modelspec.prediction_type": "v"}, (True, False)),
    "the trainer's metadata": ({}, {"ss_v_parameterization": "True", "ss_zero_terminal_snr": "True"}, (True, True)),
    "epsilon": ({}, {"modelspec.prediction_type": "epsilon", "ss_v_parameterization": "False"}, (False, False)),
}


@pytest.mark.parametrize(("tensors", "metadata", "expected"), MARKS.values(), ids=MARKS)
def test_what_a_file_says_of_its_training_is_obeyed(settings, family_folder, tensors, metadata, expected):
    pretend_pulled(settings, family_folder("stable-diffusion"))
    changed(settings, metadata, **tensors)
    model = ours(settings)
    config = model.base.scheduler.config
    predicts_v, zero_snr = expected
    assert config.prediction_type == ("v_prediction" if predicts_v else "epsilon")
    assert bool(config.get("rescale_betas_zero_snr")) is zero_snr
    stock = model.pipeline("text_to_image")
    options = {"prediction_type": config.prediction_type}
    if zero_snr:
        options |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    stock.scheduler = EulerDiscreteScheduler.from_config(model.base.scheduler.config, **options)
    assert torch.equal(drawn(model.pipeline("text_to_image", "EulerDiscreteScheduler")), drawn(stock))


@pytest.mark.parametrize("suffix", [".scale_weight", ".weight_scale"])
@pytest.mark.parametrize("by_row", [False, True], ids=["one scale", "a scale for each row"])
def test_scaled_float8_is_read_as_what_it_stands_for(settings, family_folder, suffix, by_row):
    pretend_pulled(settings, family_folder("stable-diffusion"))
    file = Path(settings.models["dreamy"].source)
    whole, packed, meant = load_file(file), dict[str, torch.Tensor](), dict[str, torch.Tensor]()
    for name, tensor in whole.items():
        packed[name] = meant[name] = tensor
        if name.endswith(".weight") and tensor.ndim == 2 and "position" not in name:
            rows = tensor.abs().amax(dim=1, keepdim=True) if by_row else tensor.abs().amax()
            scale = rows.clamp(min=1e-12) / 448
            packed[name] = (tensor / scale).to(torch.float8_e4m3fn)
            packed[name.removesuffix(".weight") + suffix] = scale
            packed[name.removesuffix(".weight") + ".scale_input"] = torch.ones(1)
            meant[name] = packed[name].float() * scale
    save_file(meant, file)
    expected = drawn(ours(settings).pipeline("text_to_image"))
    save_file({**packed, "scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}, file)
    assert torch.equal(drawn(ours(settings).pipeline("text_to_image")), expected)


def test_plain_float8_is_read_as_it_is(settings, family_folder):
    pretend_pulled(settings, family_folder("stable-diffusion"))
    file = Path(settings.models["dreamy"].source)
    small = {
        name: value.to(torch.float8_e4m3fn) for name, value in load_file(file).items() if value.is_floating_point()
    }
    save_file({name: value.float() for name, value in small.items()}, file)
    expected = drawn(ours(settings).pipeline("text_to_image"))
    save_file(small, file)
    assert torch.equal(drawn(ours(settings).pipeline("text_to_image")), expected)


def test_an_inpainting_file_is_known_as_one(settings, family_folder):
    folder = family_folder("stable-diffusion")
    pretend_pulled(settings, folder)
    file = Path(settings.models["dreamy"].source)
    first = load_file(file)[FIRST]
    changed(settings, **{FIRST: torch.cat([first, torch.randn(first.shape[0], 5, 3, 3) / 9], dim=1)})
    with pytest.raises(InvalidRequest, match="only inside a mask"):
        Catalogue(settings).resolve(ImageRequest(prompt="a", model="dreamy"))
    model = ours(settings)
    assert not model.supports("text_to_image") and model.supports("inpaint")
    asked = {"image": torch.rand(1, 3, 32, 32), "mask_image": torch.ones(1, 1, 32, 32)}
    theirs = StableDiffusionInpaintPipeline.from_pretrained(folder, unet=None)
    unet = UNet2DConditionModel.from_config(theirs.config | dict(model.base.unet.config))
    unet.load_state_dict(model.base.unet.state_dict())
    theirs.register_modules(unet=unet.eval())
    assert torch.equal(drawn(model.pipeline("inpaint"), **asked), drawn(theirs, **asked))


REFUSED = {
    "a UNet that sees another picture": ({FIRST: torch.zeros(8, 8, 3, 3)}, "takes 8 channels"),
    "no autoencoder": ({"first_stage_model.decoder.conv_in.weight": None}, "half of an autoencoder"),
    "no UNet": ({FIRST: None}, "holds no UNet"),
    "EDM": ({"edm_vpred.sigma_max": torch.ones(1)}, "EDM"),
    "packed in blocks": (
        {
            "model.diffusion_model.out.2.weight": torch.zeros(4, 8, 3, 3).to(torch.float8_e4m3fn),
            "model.diffusion_model.out.2.weight_scale": torch.ones(4, 2),
        },
        "quantised in a way",
    ),
    "packed as integers": (
        {"model.diffusion_model.out.2.weight": torch.zeros(4, 8, dtype=torch.int8)},
        "quantised in a way",
    ),
}


@pytest.mark.parametrize(("tensors", "said"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_is_not_whole_or_not_read_here_is_refused(settings, tensors, said):
    changed(settings, **tensors)
    with pytest.raises(ModelLoadFailed, match=f"'dreamy'.*{said}"):
        Catalogue(settings).spec("dreamy")


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
