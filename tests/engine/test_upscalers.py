"""Super-resolution checkpoints of the host's own, through the extra `upscalers`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelLoadFailed
from engine.operations.tools import Tools
from engine.requests import Upscale
from tests.engine.studio import PocketStudio, ask, png


@pytest.fixture
def compact(tmp_path: Path) -> Path:
    """A tiny checkpoint of the Compact (SRVGG) architecture: two convolutions, a PReLU between, twice the size."""
    torch.manual_seed(0)
    state = {
        "body.0.weight": torch.randn(8, 3, 3, 3) / 9,
        "body.0.bias": torch.zeros(8),
        "body.1.weight": torch.full((8,), 0.2),
        "body.2.weight": torch.randn(12, 8, 3, 3) / 9,
        "body.2.bias": torch.zeros(12),
    }
    save_file(state, tmp_path / "compact.safetensors")
    return tmp_path / "compact.safetensors"


def test_a_checkpoint_of_the_hosts_own_enlarges(compact: Path) -> None:
    pytest.importorskip("spandrel", reason="the extra `upscalers` is not installed, or its torchvision does not fit")
    upscaler = Tools(torch.device("cpu"), compact).upscaler
    assert upscaler.scale == 2
    assert upscaler.network(torch.rand(1, 3, 8, 10)).shape == (1, 3, 16, 20)


def test_without_the_extra_it_is_named(compact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(ModelLoadFailed, match=r"pip install 'darkroom\[upscalers\]'"):
        _ = Tools(torch.device("cpu"), compact).upscaler


def test_a_network_that_nobody_knows_is_refused_with_words(compact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """spandrel raises an error without a word."""

    class UnsupportedModelError(Exception):
        pass

    class ModelLoader:
        def __init__(self, device: object) -> None:
            self.device = device

        def load_from_file(self, file: Path) -> None:
            raise UnsupportedModelError

    known = {"ImageModelDescriptor": object, "ModelLoader": ModelLoader, "UnsupportedModelError": UnsupportedModelError}
    monkeypatch.setitem(sys.modules, "spandrel", SimpleNamespace(**known))
    with pytest.raises(ModelLoadFailed, match="holds no super-resolution network that spandrel knows; choose another"):
        _ = Tools(torch.device("cpu"), compact).upscaler


def test_pickled_checkpoints_are_never_opened(tmp_path: Path) -> None:
    (tmp_path / "esrgan.pth").write_bytes(b"pickled")
    with pytest.raises(ModelLoadFailed, match="no safetensors file"):
        _ = Tools(torch.device("cpu"), tmp_path / "esrgan.pth").upscaler


@pytest.mark.parametrize("name", ["esrgan.pth", "nowhere.safetensors", "other.safetensors"])
def test_an_unusable_upscaler_costs_only_upscaling(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "esrgan.pth").write_bytes(b"pickled")
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    monkeypatch.setitem(sys.modules, "spandrel", None)
    studio = PocketStudio(upscaler=tmp_path / name)
    asked = {"num_images": 1, "num_inference_steps": 2, "width": 64, "height": 64}
    assert (studio.draw(ask(**asked))[0] == PocketStudio().draw(ask(**asked))[0]).all()
    picture = png(studio.draw(ask(**asked))[0])
    with pytest.raises(ModelLoadFailed, match="upscaler"):
        raise studio.refuse(ask(Upscale, image=picture, num_images=1))


def test_an_architecture_that_is_not_known_is_said_in_words(compact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class UnsupportedModelError(Exception):
        """As spandrel's: without a word."""

    def refuse(*_: object, **__: object) -> None:
        raise UnsupportedModelError

    loader = SimpleNamespace(load_from_file=refuse)
    spandrel = SimpleNamespace(
        UnsupportedModelError=UnsupportedModelError, ImageModelDescriptor=object, ModelLoader=lambda **_: loader
    )
    monkeypatch.setitem(sys.modules, "spandrel", spandrel)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: spandrel)
    with pytest.raises(ModelLoadFailed, match=r"compact\.safetensors is of no architecture that spandrel knows"):
        _ = Tools(torch.device("cpu"), compact).upscaler
