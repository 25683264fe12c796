import pytest
import torch

from engine.pocket.errors import BrokenWeights
from engine.pocket.upscaler import Upscaler
from engine.realesrgan import FILE


def test_tiles_leave_no_seam():
    torch.manual_seed(0)
    model, picture = Upscaler(channels=8, convolutions=3).eval(), torch.rand(1, 3, 50, 70)

    with torch.inference_mode():
        whole = model(picture).clamp(0, 1)

    assert torch.allclose(model.enlarge(picture, tile=16), whole, atol=1e-5)


def test_a_file_of_another_size_loads(tmp_path):
    model, file = Upscaler(channels=8, convolutions=3), tmp_path / "x4.safetensors"
    model.save(file)

    assert Upscaler.load(file).enlarge(torch.rand(1, 3, 8, 8)).shape == (1, 3, 32, 32)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BrokenWeights, match=r"nothing\.safetensors"):
        Upscaler.load(tmp_path / "nothing.safetensors")


def test_the_shipped_one_keeps_flat_colour_and_sharpens_edges():
    model = Upscaler.load(FILE)
    picture = torch.ones(1, 3, 32, 32)
    picture[:, :, :, 16:] = torch.tensor([0.85, 0.1, 0.1])[:, None, None]

    large = model.enlarge(picture)

    assert FILE.stat().st_size < 1_500_000
    assert torch.allclose(large[0, :, 60, 100], torch.tensor([0.85, 0.1, 0.1]), atol=0.05)
    assert (large[0, 1, 60, :60] > 0.9).all()
    assert (large[0, 1, 60, 68:] < 0.2).all()
