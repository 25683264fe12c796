"""A folder that cannot draw is refused by the catalogue, before anybody waits, in words that name the file or field."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.catalogue.catalogue import Catalogue
from engine.errors import InvalidRequest, ModelLoadFailed
from engine.loading.load import load
from engine.pipelines.signatures import Signatures
from engine.requests import ImageRequest
from engine.settings import EngineSettings
from tests.engine.families import FAMILIES, T2I
from tests.engine.local_worker import LocalWorker, ask

FLOAT8 = torch.float8_e4m3fn


@pytest.fixture
def folder(family_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    return shutil.copytree(family_folder("stable-diffusion"), tmp_path / "mine")


def catalogue(folder: Path) -> Catalogue:
    return Catalogue(EngineSettings(default_model=str(folder)))


def change(file: Path, **values: Any) -> None:
    """Write these values into a JSON file; `...` takes one away."""
    changed = json.loads(file.read_text()) | values
    file.write_text(json.dumps({name: value for name, value in changed.items() if value is not ...}))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def scale(file: Path) -> None:
    """As ComfyUI packs a transformer: numbers that mean something only times the scale beside them."""
    packed: dict[str, torch.Tensor] = {}
    for name, weight in load_file(file).items():
        packed[name] = weight
        if weight.ndim == 2 and name.endswith(".weight"):
            by = weight.abs().max() / 448
            packed[name], packed[name.removesuffix("weight") + "scale_weight"] = (weight / by).to(FLOAT8), by.reshape(1)
    save_file(packed, file)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a part is missing": (lambda folder: shutil.rmtree(folder / "tokenizer"), "mine.*folder tokenizer is missing"),
    "weights are missing": (
        lambda folder: (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink(),
        r"mine.*no \.safetensors in unet",
    ),
    "weights are cut short": (
        lambda folder: cut(folder / "text_encoder" / "model.safetensors"),
        r"mine.*text_encoder, model\.safetensors cannot be read",
    ),
    "weights are scaled float8": (
        lambda folder: scale(folder / "unet" / "diffusion_pytorch_model.safetensors"),
        r"mine.*in unet, diffusion_pytorch_model\.safetensors is float8 with scales beside it.*choose its bf16 or fp16",
    ),
    "a configuration is no JSON": (
        lambda folder: (folder / "unet" / "config.json").write_text("{"),
        r"mine.*unet/config\.json cannot be read",
    ),
    "a configuration is a list": (
        lambda folder: (folder / "unet" / "config.json").write_text("[]"),
        r"mine.*unet/config\.json holds no JSON object",
    ),
    "a class nobody has": (
        lambda folder: change(folder / "model_index.json", _class_name="NoSuchPipeline"),
        "mine.*NoSuchPipeline.*correct _class_name",
    ),
}


@pytest.mark.parametrize(("damage", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_folder_is_refused_by_name(damage: Callable[[Path], object], said: str, folder: Path) -> None:
    assert catalogue(folder).spec().pipeline == "StableDiffusionPipeline"
    damage(folder)
    with pytest.raises(ModelLoadFailed, match=said):
        catalogue(folder).spec()


@pytest.mark.parametrize("sample_size", [0, -4, "64"])
def test_a_size_that_makes_no_sense_is_not_believed(sample_size: object, folder: Path) -> None:
    change(folder / "unet" / "config.json", sample_size=sample_size)
    assert catalogue(folder).spec().width == 1024


def test_a_size_that_the_index_itself_names_is_believed(folder: Path) -> None:
    change(folder / "model_index.json", default_sample_size=96)  # PRX has a table for some, and refuses all others
    assert catalogue(folder).spec().width == 96


def test_a_folder_without_a_denoiser_is_not_loaded(folder: Path) -> None:
    spec = catalogue(folder).spec()
    change(folder / "model_index.json", unet=[None, None])
    with pytest.raises(ModelLoadFailed, match="names no unet, which StableDiffusionPipeline needs"):
        catalogue(folder).spec()
    with pytest.raises(ModelLoadFailed, match="no denoiser"):
        load(spec, "cpu")


@pytest.mark.parametrize("pipeline", ["StableDiffusionPipeline", "StableDiffusionXLInpaintPipeline", "FluxPipeline",
                                      "StableDiffusion3Pipeline", "IFPipeline", "ZImageImg2ImgPipeline"])  # fmt: skip
def test_what_a_class_is_made_of_is_read_as_diffusers_has_it(pipeline: str) -> None:
    cls = getattr(diffusers, pipeline)
    signature = Signatures().of(pipeline)
    assert signature.components == set(cls._get_signature_keys(cls)[0])
    assert signature.optional == set(cls._optional_components)


@pytest.mark.parametrize(
    ("family", "part"),
    [
        ("stable-diffusion", "text_encoder"),
        ("stable-diffusion", "tokenizer"),
        ("stable-diffusion-xl", "text_encoder_2"),
        ("stable-diffusion-xl", "tokenizer_2"),
        ("stable-diffusion-3", "text_encoder_2"),
        ("deepfloyd-if", "text_encoder"),
        ("deepfloyd-if", "tokenizer"),
    ],
)
@pytest.mark.parametrize("value", [[None, None], ...])
def test_a_part_that_diffusers_calls_optional_is_asked_for(
    family_folder: Callable[[str], Path], tmp_path: Path, family: str, part: str, value: object
) -> None:
    folder = shutil.copytree(family_folder(family), tmp_path / "model")
    change(folder / "model_index.json", **{part: value})
    with pytest.raises(ModelLoadFailed, match=f"its index names no {part}, which \\w+ needs"):
        catalogue(folder).spec()


@pytest.mark.parametrize(
    ("family", "parts"),
    [("stable-diffusion-3", "text_encoder_3 tokenizer_3"), ("stable-diffusion-xl", "text_encoder tokenizer")],
)
def test_a_part_that_the_code_can_do_without_may_be_null(
    family_folder: Callable[[str], Path], tmp_path: Path, family: str, parts: str
) -> None:
    folder = shutil.copytree(family_folder(family), tmp_path / "model")
    change(folder / "model_index.json", **{part: [None, None] for part in parts.split()})
    assert catalogue(folder).spec().pipeline == FAMILIES[family].tasks[T2I]


def test_a_processor_that_is_null_is_asked_for(folder: Path) -> None:
    named = {"transformer": ["diffusers", "LongCatImageTransformer2DModel"], "text_processor": [None, None]}
    change(folder / "model_index.json", _class_name="LongCatImagePipeline", unet=..., **named)
    with pytest.raises(ModelLoadFailed, match="names no text_processor, which LongCatImagePipeline needs"):
        catalogue(folder).spec()


def test_a_part_behind_a_link_counts_in_memory_and_identity(folder: Path, tmp_path: Path) -> None:
    plain = load(catalogue(folder).spec(), "cpu")
    shutil.move(folder / "unet", tmp_path / "elsewhere")
    (folder / "unet").symlink_to(tmp_path / "elsewhere")
    linked = load(catalogue(folder).spec(), "cpu")
    assert (linked.spec.memory_gb, linked.hash) == (plain.spec.memory_gb, plain.hash)
    weights = tmp_path / "elsewhere" / "diffusion_pytorch_model.safetensors"
    changed = {name: tensor + 1 for name, tensor in load_file(weights).items()}
    save_file(changed, weights, metadata={"format": "pt"})
    assert load(catalogue(folder).spec(), "cpu").hash != plain.hash


def test_files_nobody_reads_take_no_memory(folder: Path) -> None:
    before = catalogue(folder).spec().memory_gb
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copy(weights, weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    shutil.copy(weights, folder / "whole.safetensors")
    assert catalogue(folder).spec().memory_gb == before > 0


def test_a_variant_draws_what_the_plain_weights_draw(folder: Path) -> None:
    plain = LocalWorker(folder).draw(ask(num_images=1, width=64, height=64))
    for file in list(folder.rglob("*.safetensors")):
        file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    assert (LocalWorker(folder).draw(ask(num_images=1, width=64, height=64))[0] == plain[0]).all()


def test_a_modular_folders_variant_is_found(family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(family_folder("anima"), tmp_path / "anima")
    for file in list((folder / "transformer").glob("*.safetensors")):
        file.rename(file.with_name(file.name.replace(".safetensors", ".bf16.safetensors")))
    assert load(catalogue(folder).spec(), "cpu").base.transformer is not None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NameError("name 'ftfy' is not defined"), "ftfy"),
        (ImportError("it requires Torchvision"), "install what it names"),
    ],
)
def test_whatever_a_library_raises_on_reading_names_the_model(
    error: Exception, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(diffusers.DiffusionPipeline, "from_pretrained", fail)
    with pytest.raises(ModelLoadFailed, match=f"mine.*{said}"):
        load(catalogue(folder).spec(), "cpu")


def test_a_modular_pipeline_can_do_what_its_blocks_can(family_folder: Callable[[str], Path]) -> None:
    assert catalogue(family_folder("anima")).spec().capabilities == {"negative_prompt", "guidance"}


@pytest.mark.parametrize(
    ("family", "steps", "guidance"),
    [("hunyuan-image", 50, 2.25), ("anima", 50, 4.0)],
    ids=["as its guider's file says", "as its blocks say"],
)
def test_what_nobody_asks_for_is_as_stock_diffusers_has_it(
    family: str, steps: int, guidance: float, family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(family_folder(family), tmp_path / "mine")
    if (folder / "guider").is_dir():
        change(folder / "guider" / "guider_config.json", guidance_scale=2.25)
    spec = catalogue(folder).spec()
    assert (spec.num_inference_steps, spec.guidance_scale) == (steps, guidance)


@pytest.mark.parametrize("family", ["hunyuan-image", "anima"])
def test_guidance_that_draws_the_negative_prompt_is_refused(family: str, family_folder: Callable[[str], Path]) -> None:
    models = catalogue(family_folder(family))
    with pytest.raises(InvalidRequest, match="draws what shall not be there") as refused:
        models.resolve(ImageRequest(prompt="a fox", negative_prompt="gore", guidance_scale=0.5))
    assert refused.value.field == "guidance_scale"
    for fine in ({"guidance_scale": 0.5}, {"guidance_scale": 1.0, "negative_prompt": "gore"}, {"negative_prompt": "x"}):
        models.resolve(ImageRequest(prompt="a fox", **fine))


def test_a_modular_familys_own_defaults_are_found_in_its_blocks() -> None:
    def defaults(family: str) -> tuple[object, object]:
        known = Signatures().of(f"{family}ModularPipeline").defaults
        return known["num_inference_steps"], known["guidance_scale"]

    assert defaults("Krea2") == (28, 4.5)
    assert defaults("QwenImage") == (50, 4.0)
    assert defaults("Flux") == (50, 3.5)
    assert defaults("Flux3") == (50, 3.5)
    assert defaults("Ideogram4") == (48, 7.5)
