"""Style pictures: an IP-Adapter beside a model's own weights, in tiny real pipelines."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from engine.catalogue.catalogue import Catalogue
from engine.errors import InvalidRequest, ModelLoadFailed
from engine.loading.load import load
from engine.processes.protocol import LaneFinished
from engine.requests import Blend, ImageRequest, LoRA
from engine.settings import EngineSettings, LoRASettings, ModelSettings
from tests.engine.lora_files import save_lora
from tests.engine.studio import SIZE, Studio, as_array, ask, png

SEEN = 12
"""Dimensions of the tiny image encoder's embedding."""
WEIGHT = 1.5


def save_adapter(model: Path, folder: Path) -> Path:
    """Random IP-Adapter weights that fit the UNet of `model`, with their image encoder beside them."""
    torch.manual_seed(3)
    unet = DiffusionPipeline.from_pretrained(model).unet
    across = unet.config.cross_attention_dim
    state = {
        "image_proj.proj.weight": torch.randn(4 * across, SEEN),
        "image_proj.proj.bias": torch.randn(4 * across),
        "image_proj.norm.weight": torch.ones(across),
        "image_proj.norm.bias": torch.zeros(across),
    }
    crossing = [name for name in unet.attn_processors if not name.endswith("attn1.processor")]
    for index, name in enumerate(crossing):
        inner = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape[0]
        for part in ("to_k_ip", "to_v_ip"):
            state[f"ip_adapter.{2 * index + 1}.{part}.weight"] = torch.randn(inner, across)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / "adapter.safetensors")
    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=30, patch_size=15,
        projection_dim=SEEN,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
    return folder / "adapter.safetensors"


def studio(folder: Path, adapter: Path, **settings: object) -> Studio:
    made = Studio.__new__(Studio)
    model = ModelSettings(source=str(folder), style_adapter=str(adapter), style_weight=WEIGHT)
    made.settings = EngineSettings(default_model="model", models={"model": model}, safety=False, **settings)
    made.catalogue = Catalogue(made.settings)
    made.model = load(made.catalogue.spec("model"), "cpu", settings=made.settings)
    return made


@pytest.fixture(scope="module")
def folder(family_folder: Callable[[str], Path]) -> Path:
    return family_folder("stable-diffusion")


@pytest.fixture(scope="module")
def adapter(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(folder, tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="module")
def styled(folder: Path, adapter: Path) -> Studio:
    return studio(folder, adapter)


def colour(name: str) -> bytes:
    return png(np.asarray(Image.new("RGB", (64, 48), name)))


RED, BLUE = colour("red"), colour("blue")


def test_a_style_picture_gives_what_stock_diffusers_gives(styled: Studio, folder: Path, adapter: Path) -> None:
    encoder = CLIPVisionModelWithProjection.from_pretrained(adapter.parent / "image_encoder")
    stock = StableDiffusionPipeline.from_pretrained(folder, image_encoder=encoder)
    stock.load_ip_adapter(str(adapter.parent), subfolder="", weight_name=adapter.name, image_encoder_folder=None)
    stock.set_ip_adapter_scale(WEIGHT)
    generators = [torch.Generator().manual_seed(seed) for seed in (7, 8)]
    expected = stock(
        "a red apple", num_inference_steps=4, num_images_per_prompt=2, generator=generators, guidance_scale=5.0,
        ip_adapter_image=Image.new("RGB", (64, 48), "red"), output_type="np", **SIZE,
    ).images  # fmt: skip
    ours = styled.draw(ask(style_image=RED, guidance_scale=5.0, **SIZE))
    for one, other in zip(ours, expected, strict=True):
        assert np.abs(one.astype(int) - (other * 255).round().astype(int)).max() <= 1


@pytest.mark.parametrize("guidance", [1.0, 5.0], ids=["alone", "guided"])
def test_styled_and_plain_requests_run_together_as_if_alone(styled: Studio, guidance: float) -> None:
    wishes: list[ImageRequest] = [
        ask(style_image=picture, num_images=1, guidance_scale=guidance, seed=seed, **SIZE)
        for seed, picture in ((1, RED), (2, BLUE), (3, None), (4, None))
    ]
    alone = [styled.draw(wish)[0] for wish in wishes]
    again = [wish.model_copy(update={"id": f"again-{wish.seed}"}) for wish in wishes]
    for expected, said in zip(alone, styled.run(*again), strict=True):
        assert isinstance(said[-1], LaneFinished), said[-1]
        shown = as_array(said[-1].finished.images[0].png)
        assert np.abs(shown.astype(int) - expected).max() <= 1


def test_a_style_changes_the_picture_and_not_the_plain_model(styled: Studio, folder: Path) -> None:
    plain = Studio(folder).draw(ask(**SIZE))
    assert all(np.array_equal(*pair) for pair in zip(styled.draw(ask(**SIZE)), plain, strict=True))
    red, blue = (styled.draw(ask(style_image=picture, **SIZE))[0] for picture in (RED, BLUE))
    assert not np.array_equal(red, blue) and not np.array_equal(red, plain[0])


def test_weights_are_shared_and_the_adapters_own_are_counted(styled: Studio, folder: Path) -> None:
    model, plain = styled.model, Studio(folder).model
    assert model.styled is not None
    ours, theirs = (dict(part.parkable["unet"].named_parameters()) for part in (model, model.styled))
    assert all(theirs[name].data_ptr() == tensor.data_ptr() for name, tensor in ours.items())
    assert plain.bytes < model.bytes < plain.bytes + model.styled.bytes
    assert model.hash == plain.hash != model.styled.hash, "the recipe says what drew"


def test_loras_and_styles_go_together(folder: Path, adapter: Path) -> None:
    ink = LoRASettings(path=save_lora(folder, "ink-beside", 2, 4, text=True), model="model")
    both = studio(folder, adapter, loras={"ink": ink})
    worn = {"loras": (LoRA(name="ink"),), "num_images": 1, **SIZE}
    drawn = [both.draw(ask(**wish))[0] for wish in ({"style_image": RED, **worn}, worn, {"num_images": 1, **SIZE})]
    assert len({picture.tobytes() for picture in drawn}) == 3


def test_families_without_an_adapter_say_so_before_drawing(
    styled: Studio, family_folder: Callable[[str], Path]
) -> None:
    models = {**styled.settings.models, "flux": ModelSettings(source=str(family_folder("flux")))}
    catalogue = Catalogue(EngineSettings(default_model="flux", models=models))
    with pytest.raises(InvalidRequest, match="flux cannot follow a style picture; those that can: model"):
        catalogue.resolve(ask(style_image=RED, **SIZE))
    with pytest.raises(InvalidRequest, match="style_image"):
        styled.catalogue.resolve(ask(style_image=b"no picture", **SIZE))


@pytest.mark.parametrize("name", ["adapter.bin", "missing.safetensors"])
def test_other_files_are_never_opened(folder: Path, adapter: Path, tmp_path: Path, name: str) -> None:
    if name.endswith(".bin"):
        shutil.copytree(adapter.parent, tmp_path, dirs_exist_ok=True)
        (tmp_path / name).write_bytes(b"pickled")
    with pytest.raises(ModelLoadFailed, match="style_adapter"):
        studio(folder, tmp_path / name)


def test_a_family_that_takes_no_adapter_is_refused_at_load(family_folder: Callable[[str], Path], adapter: Path) -> None:
    with pytest.raises(ModelLoadFailed, match="takes no style adapter"):
        studio(family_folder("pixart-sigma"), adapter)


def test_a_blend_without_a_strength_mixes_what_the_pictures_show(styled: Studio) -> None:
    def blended(first: float, second: float, **more: object) -> np.ndarray:
        wish = ask(Blend, images=(RED, BLUE), weights=(first, second), num_images=1, **SIZE, **more)
        return styled.draw(wish)[0].astype(int)

    seen = styled.draw(ask(prompt="a red apple", style_image=RED, num_images=1, **SIZE))[0]
    assert np.abs(blended(1, 0) - seen).max() <= 1, "all of the weight on one picture is that picture's style"
    assert np.abs(blended(1, 1) - blended(1, 0)).max() > 1
    assert np.abs(blended(1, 1, strength=0.5) - blended(1, 1)).max() > 1, "a strength asks for the pixels"


def test_kandinsky_blends_by_what_the_pictures_show(family_folder: Callable[[str], Path]) -> None:
    kandinsky = Studio(family_folder("kandinsky-2.2"))

    def blended(*pictures: bytes, **more: object) -> bytes:
        (cell,) = kandinsky.draw(ask(Blend, images=pictures, num_images=1, **SIZE, **more))
        return cell.tobytes()

    assert blended(RED, BLUE) == blended(RED, BLUE)
    assert len({blended(RED, RED), blended(RED, BLUE), blended(RED, BLUE, prompt="a blend of pictures")}) == 3
