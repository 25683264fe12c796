"""Style pictures: an IP-Adapter beside a model's own weights, in tiny real pipelines."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from transformers import CLIPVisionModelWithProjection

from engine.catalogue.catalogue import Catalogue
from engine.errors import InvalidRequest, ModelLoadFailed
from engine.loading.load import load
from engine.processes.protocol import LaneFinished
from engine.requests import Blend, ImageRequest, LoRA, StyleImage
from engine.settings import EngineSettings, LoRASettings, ModelSettings
from tests.engine.local_worker import SIZE, LocalWorker, as_array, ask, png
from tests.engine.lora_files import save_lora
from tests.engine.style_adapters import save_adapter

WEIGHT = 1.5


def worker(folder: Path, adapter: Path, **settings: object) -> LocalWorker:
    made = LocalWorker.__new__(LocalWorker)
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
def styled(folder: Path, adapter: Path) -> LocalWorker:
    return worker(folder, adapter)


def colour(name: str) -> bytes:
    return png(np.asarray(Image.new("RGB", (64, 48), name)))


RED, BLUE = colour("red"), colour("blue")


def like(*pictures: bytes | None) -> tuple[StyleImage, ...]:
    return tuple(StyleImage(image=picture) for picture in pictures if picture is not None)


def test_a_style_picture_gives_what_stock_diffusers_gives(styled: LocalWorker, folder: Path, adapter: Path) -> None:
    encoder = CLIPVisionModelWithProjection.from_pretrained(adapter.parent / "image_encoder")
    stock = StableDiffusionPipeline.from_pretrained(folder, image_encoder=encoder)
    stock.load_ip_adapter(str(adapter.parent), subfolder="", weight_name=adapter.name, image_encoder_folder=None)
    stock.set_ip_adapter_scale(WEIGHT)
    generators = [torch.Generator().manual_seed(seed) for seed in (7, 8)]
    expected = stock(
        "a red apple", num_inference_steps=4, num_images_per_prompt=2, generator=generators, guidance_scale=5.0,
        ip_adapter_image=Image.new("RGB", (64, 48), "red"), output_type="np", **SIZE,
    ).images  # fmt: skip
    ours = styled.draw(ask(style_images=like(RED), guidance_scale=5.0, **SIZE))
    for one, other in zip(ours, expected, strict=True):
        assert np.abs(one.astype(int) - (other * 255).round().astype(int)).max() <= 1


@pytest.mark.parametrize("guidance", [1.0, 5.0], ids=["alone", "guided"])
def test_styled_and_plain_requests_run_together_as_if_alone(styled: LocalWorker, guidance: float) -> None:
    wishes: list[ImageRequest] = [
        ask(style_images=like(picture), num_images=1, guidance_scale=guidance, seed=seed, **SIZE)
        for seed, picture in ((1, RED), (2, BLUE), (3, None), (4, None))
    ]
    alone = [styled.draw(wish)[0] for wish in wishes]
    again = [wish.model_copy(update={"id": f"again-{wish.seed}"}) for wish in wishes]
    for expected, said in zip(alone, styled.run(*again), strict=True):
        assert isinstance(said[-1], LaneFinished), said[-1]
        shown = as_array(said[-1].finished.images[0].png)
        assert np.abs(shown.astype(int) - expected).max() <= 1


def test_a_style_changes_the_picture_and_not_the_plain_model(styled: LocalWorker, folder: Path) -> None:
    plain = LocalWorker(folder).draw(ask(**SIZE))
    assert all(np.array_equal(*pair) for pair in zip(styled.draw(ask(**SIZE)), plain, strict=True))
    red, blue = (styled.draw(ask(style_images=like(picture), **SIZE))[0] for picture in (RED, BLUE))
    assert not np.array_equal(red, blue) and not np.array_equal(red, plain[0])


def test_weights_are_shared_and_the_adapters_own_are_counted(styled: LocalWorker, folder: Path) -> None:
    model, plain = styled.model, LocalWorker(folder).model
    assert model.styled is not None
    ours, theirs = (dict(part.parkable["unet"].named_parameters()) for part in (model, model.styled))
    assert all(theirs[name].data_ptr() == tensor.data_ptr() for name, tensor in ours.items())
    assert plain.bytes < model.bytes < plain.bytes + model.styled.bytes
    assert model.hash == plain.hash != model.styled.hash, "the recipe says what drew"


def test_loras_and_styles_go_together(folder: Path, adapter: Path) -> None:
    ink = LoRASettings(path=save_lora(folder, "ink-beside", 2, 4, text=True), model="model")
    both = worker(folder, adapter, loras={"ink": ink})
    active = {"loras": (LoRA(name="ink"),), "num_images": 1, **SIZE}
    drawn = [
        both.draw(ask(**wish))[0] for wish in ({"style_images": like(RED), **active}, active, {"num_images": 1, **SIZE})
    ]
    assert len({picture.tobytes() for picture in drawn}) == 3


def test_families_without_an_adapter_say_so_before_drawing(
    styled: LocalWorker, family_folder: Callable[[str], Path]
) -> None:
    models = {**styled.settings.models, "flux": ModelSettings(source=str(family_folder("flux")))}
    catalogue = Catalogue(EngineSettings(default_model="flux", models=models))
    with pytest.raises(InvalidRequest, match="flux cannot follow a style picture; those that can: model"):
        catalogue.resolve(ask(style_images=like(RED), **SIZE))
    with pytest.raises(InvalidRequest, match="style_image"):
        styled.catalogue.resolve(ask(style_images=like(b"no picture"), **SIZE))


@pytest.mark.parametrize("name", ["adapter.bin", "missing.safetensors"])
def test_other_files_are_never_opened(folder: Path, adapter: Path, tmp_path: Path, name: str) -> None:
    if name.endswith(".bin"):
        shutil.copytree(adapter.parent, tmp_path, dirs_exist_ok=True)
        (tmp_path / name).write_bytes(b"pickled")
    with pytest.raises(ModelLoadFailed, match="style_adapter"):
        worker(folder, tmp_path / name)


def test_a_family_that_takes_no_adapter_is_refused_at_load(family_folder: Callable[[str], Path], adapter: Path) -> None:
    with pytest.raises(ModelLoadFailed, match="takes no style adapter"):
        worker(family_folder("pixart-sigma"), adapter)


def test_a_blend_without_a_strength_mixes_what_the_pictures_show(styled: LocalWorker) -> None:
    def blended(first: float, second: float, **more: object) -> np.ndarray:
        wish = ask(Blend, images=(RED, BLUE), weights=(first, second), num_images=1, **SIZE, **more)
        return styled.draw(wish)[0].astype(int)

    seen = styled.draw(ask(prompt="a red apple", style_images=like(RED), num_images=1, **SIZE))[0]
    assert np.abs(blended(1, 0) - seen).max() <= 1, "all of the weight on one picture is that picture's style"
    assert np.abs(blended(1, 1) - blended(1, 0)).max() > 1
    assert np.abs(blended(1, 1, strength=0.5) - blended(1, 1)).max() > 1, "a strength asks for the pixels"


def test_kandinsky_blends_by_what_the_pictures_show(family_folder: Callable[[str], Path]) -> None:
    kandinsky = LocalWorker(family_folder("kandinsky-2.2"))

    def blended(*pictures: bytes, **more: object) -> bytes:
        (cell,) = kandinsky.draw(ask(Blend, images=pictures, num_images=1, **SIZE, **more))
        return cell.tobytes()

    assert blended(RED, BLUE) == blended(RED, BLUE)
    assert len({blended(RED, RED), blended(RED, BLUE), blended(RED, BLUE, prompt="a blend of pictures")}) == 3
