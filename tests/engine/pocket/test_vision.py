import pytest
import torch

from engine.pocket.errors import BrokenWeights
from engine.pocket.text import embed
from engine.pocket.vision import PictureEncoder


@torch.inference_mode()
def test_pictures_of_any_size_become_unit_vectors():
    encoder = PictureEncoder(("3d", "flat"), channels=8, dimensions=12).eval()

    vectors, styles = encoder(torch.rand(3, 3, 100, 80) * 2 - 1)

    assert styles.shape == (3, 2)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


@torch.inference_mode()
def test_it_survives_saving(tmp_path):
    encoder = PictureEncoder(("3d",), channels=8).eval()
    encoder.save(tmp_path)
    picture = torch.rand(1, 3, 64, 64)

    read = PictureEncoder.load(tmp_path)

    assert read.styles == ("3d",)
    torch.testing.assert_close(read(picture)[0], encoder(picture)[0], atol=2e-3, rtol=2e-2)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(BrokenWeights, match=r"model\.safetensors"):
        PictureEncoder.load(tmp_path)


@torch.inference_mode()
def test_the_shipped_one_tells_a_red_heart_from_a_blue_square():
    encoder = PictureEncoder.load()
    y, x = torch.meshgrid(torch.linspace(1.2, -1.2, 64), torch.linspace(-1.3, 1.3, 64), indexing="ij")
    inside = (x**2 + y**2 - 1) ** 3 - x**2 * y**3 < 0
    heart = torch.where(inside, torch.tensor([0.8, -0.8, -0.7])[:, None, None], torch.ones(3, 1, 1))

    vector, _ = encoder(heart[None])
    red_heart, blue_square, dog, car = vector[0] @ embed(["red heart", "blue square", "dog", "car"]).T

    assert sum(parameter.numel() for parameter in encoder.parameters()) < 3_000_000
    assert red_heart > max(blue_square, dog, car)
