"""Models that lie in the user's own Hugging Face cache are found there, whole ones only, and without a network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.catalogue.catalogue import Catalogue
from engine.loading.load import load
from engine.model_files.local_models import cache_folder, find_pulled, in_hub_cache
from engine.model_spec import EVERY, Source
from engine.settings import EngineSettings

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TINY = Source("hub", "people/tiny")


@pytest.fixture
def cached(family_folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A snapshot as huggingface_hub lays it out: links into `blobs`."""
    home = tmp_path / "hf" / "hub" / "models--people--tiny"
    snapshot = home / "snapshots" / COMMIT
    folder = family_folder("stable-diffusion")
    (home / "blobs").mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    for number, file in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        blob = home / "blobs" / f"{number:040x}"
        blob.write_bytes(file.read_bytes())
        link = snapshot / file.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path("../" * (len(link.relative_to(home).parts) - 1)) / "blobs" / blob.name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return snapshot


def test_a_model_of_another_programs_draws_at_once(cached: Path, tmp_path: Path) -> None:
    settings = EngineSettings(models_dir=tmp_path / "models", default_model="hf:people/tiny", offline=True)
    catalogue = Catalogue(settings)
    spec = catalogue.spec()
    assert catalogue.is_present(spec) and spec.pipeline == "StableDiffusionPipeline"
    assert load(spec, "cpu", settings).parkable.keys() == {"unet", "vae", "text_encoder"}
    pinned = Source("hub", "people/tiny", COMMIT)
    assert find_pulled(pinned, tmp_path / "models") == cached
    assert find_pulled(Source("hub", "people/tiny", "f" * 40), tmp_path / "models") is None


@pytest.mark.parametrize("name", ["v1.0", "refs/pr/3"])
def test_branches_and_tags_are_found_by_name(cached: Path, name: str) -> None:
    named = cached.parent.parent / "refs" / name
    assert in_hub_cache(Source("hub", "people/tiny", name)) is None
    named.parent.mkdir(parents=True, exist_ok=True)
    named.write_text(COMMIT + "\n")
    assert in_hub_cache(Source("hub", "people/tiny", name)) == cached
    named.write_text("f" * 40)
    assert in_hub_cache(Source("hub", "people/tiny", name)) is None


def test_what_is_not_whole_is_not_found(cached: Path) -> None:
    weights = cached / "unet" / "diffusion_pytorch_model.safetensors"
    kept = weights.readlink()
    weights.unlink()
    assert in_hub_cache(TINY) is None
    assert in_hub_cache(Source("hub", "people/tiny", weightless=("unet",))) == cached
    index = {"weight_map": {"a": "diffusion_pytorch_model-00001-of-00002.safetensors", "b": "b.safetensors"}}
    weights.with_name("diffusion_pytorch_model-00001-of-00002.safetensors").symlink_to(kept)
    weights.with_name("diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    assert in_hub_cache(TINY) is None, "a shard is missing"
    weights.with_name("b.safetensors").symlink_to(kept)
    assert in_hub_cache(TINY) == cached
    weights.with_name("diffusion_pytorch_model.safetensors.index.json").write_text("{")
    assert in_hub_cache(TINY) is None and in_hub_cache(Source("hub", "people/tiny", weightless=(EVERY,))) == cached
    (cached / "model_index.json").unlink()
    assert in_hub_cache(Source("hub", "people/tiny", weightless=(EVERY,))) is None


def test_a_single_file_is_found_too(cached: Path) -> None:
    there = Source("hub", "people/tiny", file="unet/diffusion_pytorch_model.safetensors")
    assert in_hub_cache(there) == cached / "unet/diffusion_pytorch_model.safetensors"
    assert in_hub_cache(Source("hub", "people/tiny", file="nothing.safetensors")) is None


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/a"}, "/a"),
        ({"HF_HOME": "/b"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({}, str(Path.home() / ".cache/huggingface/hub")),
    ],
)
def test_the_cache_is_where_huggingface_hub_looks(variables: dict[str, str], folder: str) -> None:
    assert cache_folder(variables) == Path(folder)
