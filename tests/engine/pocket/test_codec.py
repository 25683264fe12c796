import torch

from engine.pocket.codec import PixelCodec


def test_pictures_come_back_exactly():
    picture = torch.rand(2, 3, 24, 40) * 2 - 1
    codec = PixelCodec()

    latents = codec.encode(picture).latent_dist.sample()

    assert latents.shape == (2, 4, 24, 40)
    assert torch.equal(codec.decode(latents).sample, picture)


def test_the_fourth_channel_is_how_bright_the_pixel_is():
    grey = torch.full((1, 3, 8, 8), 0.25)

    latents = PixelCodec().latents(grey)

    assert torch.allclose(latents[:, 3], torch.tensor(0.25))


def test_it_survives_saving(tmp_path):
    PixelCodec().save_pretrained(tmp_path)

    codec = PixelCodec.from_pretrained(tmp_path, torch_dtype=torch.bfloat16)

    assert codec.dtype == torch.bfloat16
    assert codec.encode(torch.zeros(1, 3, 8, 8, dtype=torch.bfloat16), return_dict=False)[0].mode().shape[1] == 4
