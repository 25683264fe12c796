"""Super-resolution checkpoints of the host's own, through the extra `upscalers`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from engine import realesrgan
from engine.errors import ModelLoadFailed
from engine.operations import tools
from engine.operations.tools import SuperResolution, Tools
from engine.pocket.upscaler import Upscaler
from engine.requests import Upscale
from engine.settings import EngineSettings
from engine.trial.trial import try_out
from tests.engine.local_worker import LocalWorker, PocketWorker, ask, png
from tests.engine.trials_here import trials_here as trials_here


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
    with pytest.raises(ModelLoadFailed, match=r"pip install -c constraints.txt '\.\[upscalers\]'"):
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
    worker = PocketWorker(upscaler=tmp_path / name)
    asked = {"num_images": 1, "num_inference_steps": 2, "width": 64, "height": 64}
    assert (worker.draw(ask(**asked))[0] == PocketWorker().draw(ask(**asked))[0]).all()
    picture = png(worker.draw(ask(**asked))[0])
    with pytest.raises(ModelLoadFailed, match="upscaler"):
        raise worker.refuse(ask(Upscale, image=picture, num_images=1))


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


@pytest.fixture
def drawing() -> np.ndarray:
    """A ring on a plain ground, 40 x 32 pixels."""
    picture = Image.new("RGB", (40, 32), "#bfe3ff")
    ImageDraw.Draw(picture).ellipse((6, 4, 30, 28), fill="#cc2222", outline="black", width=2)
    return np.asarray(picture)


def enlarged_by(file: Path, picture: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        large = Upscaler.load(file)(torch.from_numpy(picture / np.float32(255)).permute(2, 0, 1)[None])[0]
    return (large.clamp(0, 1).permute(1, 2, 0).numpy() * 255).round()


def assert_alike(picture: np.ndarray, exact: np.ndarray) -> None:
    """The same to the eye: half precision shows at single pixels of an edge."""
    apart = np.abs(picture - exact)
    assert apart.max() <= 12 and apart.mean() < 0.5


def test_pictures_of_outside_models_are_enlarged_by_real_esrgan(
    family_folder: Callable[[str], Path], drawing: np.ndarray
) -> None:
    worker, request = LocalWorker(family_folder("stable-diffusion")), ask(Upscale, image=png(drawing), num_images=1)
    done = worker.finish(request)
    assert done.recipe is not None and done.recipe.upscaler == realesrgan.NAME == "realesr-animevideov3"
    assert "Postprocess upscaler: realesr-animevideov3" in done.recipe.parameters
    (picture,) = worker.draw(request)
    assert_alike(picture, enlarged_by(realesrgan.FILE, drawing))


def test_pictures_of_pocket_are_enlarged_by_real_esrgan_too(drawing: np.ndarray) -> None:
    worker, request = PocketWorker(), ask(Upscale, image=png(drawing), num_images=1)
    done = worker.finish(request)
    assert done.recipe is not None and done.recipe.upscaler == realesrgan.NAME
    assert_alike(worker.draw(request)[0], enlarged_by(realesrgan.FILE, drawing))


@pytest.mark.parametrize("is_built_in", [False, True])
def test_what_the_host_has_chosen_enlarges_for_every_model(
    family_folder: Callable[[str], Path],
    tmp_path: Path,
    drawing: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    is_built_in: bool,
) -> None:
    # Stands in for what spandrel makes of the file, as torchvision does not fit every torch: every pixel four times.
    doubled = torch.nn.Conv2d(3, 12, 1, bias=False)
    torch.nn.init.zeros_(doubled.weight).data[torch.arange(12), torch.arange(12) // 4] = 1
    network = torch.nn.Sequential(doubled, torch.nn.PixelShuffle(2))
    monkeypatch.setattr(Tools, "_foreign", lambda _, file: SuperResolution(network, 2, 1, file.stem))
    chosen = {"upscaler": tmp_path / "chosen.safetensors"}
    worker = PocketWorker(**chosen) if is_built_in else LocalWorker(family_folder("stable-diffusion"), **chosen)
    done = worker.finish(ask(Upscale, image=png(drawing), num_images=1, factor=2))
    assert done.recipe is not None and done.recipe.upscaler == "chosen"
    assert (worker.draw(ask(Upscale, image=png(drawing), num_images=1, factor=2))[0][::2, ::2] == drawing).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_precision_gives_the_same_picture_to_the_eye(drawing: np.ndarray, dtype: torch.dtype) -> None:
    """What GPUs and processors of all kinds compute in."""
    network = Tools(torch.device("cpu")).upscaler.network.to(dtype)
    with torch.inference_mode():
        large = network(torch.from_numpy(drawing / np.float32(255)).permute(2, 0, 1)[None])[0]
    assert large.dtype == torch.float32
    assert_alike((large.clamp(0, 1).permute(1, 2, 0).numpy() * 255).round(), enlarged_by(realesrgan.FILE, drawing))


def test_damaged_weights_cost_upscaling_and_nothing_else(
    family_folder: Callable[[str], Path], drawing: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / realesrgan.FILE.name
    file.write_bytes(realesrgan.FILE.read_bytes()[:100_000])
    monkeypatch.setattr(tools, "REALESRGAN_FILE", file)
    worker = LocalWorker(family_folder("stable-diffusion"))
    with pytest.raises(ModelLoadFailed, match=r"realesr-animevideov3-x4\.safetensors.*install Darkroom again"):
        raise worker.refuse(ask(Upscale, image=png(drawing), num_images=1))
    assert worker.draw(ask(num_images=1, num_inference_steps=1, width=64, height=64))


@pytest.mark.usefixtures("trials_here")
async def test_a_check_of_the_host_tries_the_upscaler() -> None:
    verdicts = {each.name: each for each in await try_out(EngineSettings(devices=("cpu",)), ())}
    assert (verdicts["upscaler"].found, verdicts["upscaler"].remedy) == ("realesr-animevideov3 enlarges 4 times", "")
