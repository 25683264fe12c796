"""A folder that cannot draw is refused by the catalogue, before anybody waits, in words that name the file or field."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest

from engine.catalogue import Catalogue
from engine.errors import ModelLoadFailed
from engine.loading import load
from engine.settings import EngineSettings


@pytest.fixture
def folder(family_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    return shutil.copytree(family_folder("stable-diffusion"), tmp_path / "mine")


def catalogue(folder: Path) -> Catalogue:
    return Catalogue(EngineSettings(default_model=str(folder)))


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


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
    change(folder / "model_index.json", unet=[None, None])
    with pytest.raises(ModelLoadFailed, match="no denoiser"):
        load(catalogue(folder).spec(), "cpu")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NameError("name 'ftfy' is not defined"), "ftfy"),
        (ImportError("it requires Torchvision"), "install what it names"),
    ],
)
def test_whatever_a_library_raises_while_it_reads_a_folder_names_the_model(
    error: Exception, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(diffusers.DiffusionPipeline, "from_pretrained", fail)
    with pytest.raises(ModelLoadFailed, match=f"mine.*{said}"):
        load(catalogue(folder).spec(), "cpu")


def test_a_modular_pipelines_capabilities_are_those_of_its_blocks(family_folder: Callable[[str], Path]) -> None:
    assert catalogue(family_folder("anima")).spec().capabilities == {"negative_prompt", "guidance"}
