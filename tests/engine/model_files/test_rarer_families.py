"""Single files of families that few people have: HiDream, Krea 2, Stable Diffusion 2 with v, SDXL's refiner."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.catalogue.catalogue import Catalogue
from engine.errors import InvalidRequest, ModelLoadFailed
from engine.memory.spec_sizes import sizes_of
from engine.model_files.checkpoint_tensors import unpacked
from engine.requests import ImageRequest
from tests.engine.checkpoint import write_refiner_checkpoint, write_sd2_checkpoint
from tests.engine.families import parts
from tests.engine.families.rarer import RARER
from tests.engine.file_models import base_without, loaded, same_weights, settings_of, weights_of
from tests.engine.original_layouts import PREFIX, RARER_LAYOUTS, original, save, save_gguf

pytestmark = pytest.mark.filterwarnings("ignore")
needs_gguf = pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="needs the extra gguf")
Folders = Callable[[str], Path]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            parts.drawn(RARER[name]).save_pretrained(made[name])
        return made[name]

    return folder


def drawn(pipeline: Any, **asked: Any) -> torch.Tensor:
    asked = {"num_inference_steps": 2, "width": 32, "height": 32, "output_type": "pt"} | asked
    if type(pipeline).__name__.startswith("HiDream"):
        asked["max_sequence_length"] = 77  # of tiny CLIPs; real ones know 248 positions
        pipeline.default_sample_size = (
            8  # as many pixels are drawn in any shape, whatever is asked: 128 make 1024 x 1024
        )
    pipeline.set_progress_bar_config(disable=True)
    with torch.inference_mode():
        return pipeline("a red apple", generator=torch.Generator().manual_seed(1), **asked).images


@pytest.mark.parametrize("prefix", ["", PREFIX], ids=["plain", "as ComfyUI"])
@pytest.mark.parametrize("name", RARER_LAYOUTS)
def test_a_rarer_transformer_in_its_authors_names(name: str, prefix: str, folders: Folders, tmp_path: Path) -> None:
    folder = folders(name)
    state = weights_of(folder, "transformer")
    file = save(original(name, state), tmp_path / "mine.safetensors", prefix)
    base = base_without(folder, tmp_path / "base", "transformer")
    model = loaded(file, base=str(base))
    assert same_weights(model.base.transformer, state)
    sizes = [sizes_of(Catalogue(settings_of(file, base=str(each))).spec("mine"), tmp_path) for each in (base, folder)]
    counted, whole = ({each.name: each for each in found.components} for found in sizes if found)
    assert counted["transformer"].elements.all == pytest.approx(whole["transformer"].elements.all, rel=0.02)
    assert counted["transformer"].bytes("float8", "bfloat16") == pytest.approx(
        whole["transformer"].bytes("float8", "bfloat16"), rel=0.2
    )
    pictures = [drawn(each.pipeline("text_to_image")) for each in (model, loaded(folder))]
    torch.testing.assert_close(*pictures, atol=1e-5, rtol=0)  # the same weights at other addresses


@pytest.mark.parametrize("name", RARER_LAYOUTS)
def test_a_rarer_transformer_in_diffusers_names(name: str, folders: Folders, tmp_path: Path) -> None:
    state = weights_of(folder := folders(name), "transformer")
    file = save(state, tmp_path / "mine.safetensors")
    assert same_weights(loaded(file, base=str(folder)).base.transformer, state)


@pytest.mark.parametrize("name", RARER_LAYOUTS)
def test_a_rarer_transformer_is_streamed_to_the_bit(name: str, folders: Folders) -> None:
    pictures = [
        drawn(loaded(folders(name), residency=each).pipeline("text_to_image")) for each in ("resident", "streamed")
    ]
    assert torch.equal(*pictures)


@needs_gguf
@pytest.mark.parametrize("name", RARER_LAYOUTS)
def test_a_rarer_transformer_that_is_packed(name: str, folders: Folders, tmp_path: Path) -> None:
    folder = folders(name)
    file = save_gguf(original(name, weights_of(folder, "transformer")), tmp_path / "mine.gguf", architecture=name)
    model = loaded(file, base=str(base_without(folder, tmp_path / "base", "transformer")))
    state = model.base.transformer.state_dict()
    for key, expected in weights_of(folder, "transformer").items():
        plain = unpacked(state[key], torch.float32)
        assert torch.allclose(plain, expected, atol=float(expected.abs().max()) / 100), key
    assert drawn(model.pipeline("text_to_image")).isfinite().all()


def test_all_parts_of_stable_diffusion_2(folders: Folders, tmp_path: Path) -> None:
    """Its base says that it predicts v; `prediction_type` says otherwise."""
    folder = folders("stable-diffusion-2")
    write_sd2_checkpoint(folder, tmp_path / "mine.safetensors")
    base = str(base_without(folder, tmp_path / "base"))
    model = loaded(tmp_path / "mine.safetensors", base=base)
    for component in ("unet", "vae", "text_encoder"):
        assert same_weights(model.base.components[component], weights_of(folder, component)), component
    assert model.base.scheduler.config.prediction_type == "v_prediction"
    pictures = [drawn(each.pipeline("text_to_image")) for each in (model, loaded(folder))]
    assert torch.equal(*pictures)
    other = loaded(tmp_path / "mine.safetensors", base=base, prediction_type="epsilon")
    assert not torch.equal(drawn(other.pipeline("text_to_image")), pictures[0])


def test_stable_diffusion_2_without_a_base_asks_for_one(folders: Folders, tmp_path: Path) -> None:
    write_sd2_checkpoint(folders("stable-diffusion-2"), tmp_path / "mine.safetensors")
    with pytest.raises(ModelLoadFailed, match=r"checkpoint of sd-2, and nothing says whose.*set base to"):
        Catalogue(settings_of(tmp_path / "mine.safetensors")).spec("mine")


def test_all_parts_of_a_refiner(folders: Folders, tmp_path: Path) -> None:
    """It redraws pictures and draws none from words alone."""
    folder = folders("refiner")
    write_refiner_checkpoint(folder, tmp_path / "mine.safetensors")
    settings = settings_of(tmp_path / "mine.safetensors", base=str(base_without(folder, tmp_path / "base")))
    model = loaded(tmp_path / "mine.safetensors", base=str(tmp_path / "base"))
    for component in ("unet", "vae", "text_encoder_2"):
        assert same_weights(model.base.components[component], weights_of(folder, component)), component
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    asked = {"image": picture, "strength": 0.9, "num_inference_steps": 4}
    pictures = [
        model.pipeline("image_to_image")("a", **asked, generator=torch.Generator().manual_seed(1), output_type="pt"),
        loaded(folder).pipeline("image_to_image")(
            "a", **asked, generator=torch.Generator().manual_seed(1), output_type="pt"
        ),
    ]
    assert torch.equal(*(each.images for each in pictures))
    with pytest.raises(InvalidRequest):
        Catalogue(settings).resolve(ImageRequest(prompt="a", model="mine"))
