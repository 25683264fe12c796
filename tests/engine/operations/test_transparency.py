"""Alpha: what a model draws transparent stays so, and nothing that was hidden by it is in the file or goes unseen."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline
from PIL import Image

from engine.operations.pixels import arrays_of, flaw
from engine.pictures.images import (
    as_anybody_sees_it,
    encode_png,
    mosaic,
    open_picture,
    open_shown,
    open_with_alpha,
    without_hidden_colours,
)
from engine.requests import Edit, ImageToImage, Inpaint, Upscale
from tests.engine.families import parts, strangers, unets
from tests.engine.local_worker import SIDE, SIZE, LocalWorker, ask, png


def transparent() -> StableDiffusionPipeline:
    """Stable Diffusion with an autoencoder that decodes four channels, as LayerDiffuse and Qwen-Image 2.1 do."""
    pipeline = unets.stable_diffusion()
    pipeline.vae = parts.kl_autoencoder(out_channels=4)
    return pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return strangers.save(transparent, tmp_path_factory.mktemp("transparent") / "model")


@pytest.fixture(scope="module")
def worker(folder: Path) -> LocalWorker:
    return LocalWorker(folder)


def _opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_alpha_that_a_model_draws_is_stock_diffusers(worker: LocalWorker, folder: Path) -> None:
    request = worker.admit(ask(num_images=2, guidance_scale=3.0, **SIZE)).request
    for image, seed in zip(worker.finish(request).images, request.cell_seeds, strict=True):
        pipeline = DiffusionPipeline.from_pretrained(folder)
        pipeline.set_progress_bar_config(disable=True)
        with torch.inference_mode():
            made = pipeline(
                request.prompt, width=SIDE, height=SIDE, num_inference_steps=4, guidance_scale=3.0,
                generator=torch.Generator().manual_seed(seed), output_type="np",
            ).images[0]  # fmt: skip
        ours, stock = np.asarray(_opened(image.png)).astype(int), (made.clip(0, 1) * 255).round().astype(int)
        assert ours.shape == stock.shape == (SIDE, SIDE, 4)
        seen = stock[..., 3] > 0
        assert seen.any() and abs(ours[..., 3] - stock[..., 3]).max() <= 1 and abs((ours - stock)[seen]).max() <= 1


def test_such_a_picture_is_varied_edited_and_enlarged(worker: LocalWorker) -> None:
    first = worker.finish(ask(num_images=1, **SIZE)).images[0].png
    mask = encode_png(Image.new("L", (SIDE, SIDE), 255))
    for request in (
        ask(ImageToImage, image=first, strength=0.6, num_images=1, **SIZE),
        ask(Inpaint, image=first, mask=mask, num_images=1),
        ask(Edit, image=first, mask=mask, description="a fox", num_images=1),
    ):
        assert _opened(worker.finish(request).images[0].png).size == (SIDE, SIDE)
    for mode in ("subtle", "creative"):
        larger = _opened(worker.finish(ask(Upscale, image=first, factor=2.0, mode=mode, num_images=1)).images[0].png)
        assert larger.size == (2 * SIDE, 2 * SIDE) and larger.mode == "RGBA"
        alpha = np.asarray(_opened(first).getchannel("A").resize(larger.size, Image.Resampling.LANCZOS))
        assert abs(np.asarray(larger.getchannel("A")).astype(int) - alpha).max() <= 1


def test_an_idle_alpha_channel_is_left_out() -> None:
    whole = np.full((4, 4, 4), 0.995, dtype=np.float32)
    clear = whole.copy()
    clear[0, 0, 3] = 0.5
    assert [each.shape[-1] for each in arrays_of([whole, clear])] == [3, 4]


def test_nothing_but_transparency_is_no_picture() -> None:
    nothing, outline = np.zeros((2, 4, 4, 4), dtype=np.float32)
    outline[1:3, 1:3, 3] = 1.0
    assert flaw([nothing]) == "a picture that is transparent all over" and flaw([outline]) == ""


def test_the_check_sees_it_on_every_ground() -> None:
    picture = Image.new("RGBA", (8, 8), (200, 0, 0, 128))
    white, black, bare = (each.getpixel((4, 4)) for each in as_anybody_sees_it(picture))
    assert white == (227, 127, 127) and black == (100, 0, 0) and bare == (200, 0, 0)
    assert as_anybody_sees_it(picture.convert("RGB"))[0].mode == "RGB"


def test_what_was_cut_away_is_not_in_the_file() -> None:
    clear = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    clear.putpixel((1, 1), (200, 0, 0, 1))
    kept = without_hidden_colours(clear)
    assert kept.getpixel((0, 0)) == (0, 0, 0, 0) and kept.getpixel((1, 1)) == (200, 0, 0, 1)


def test_a_grid_shows_a_checkerboard() -> None:
    clear = Image.new("RGBA", (96, 96))
    clear.paste((255, 0, 0, 255), (40, 40, 56, 56))
    whole = mosaic([clear, Image.new("RGB", (96, 96), "blue")])
    greys = {whole.getpixel((x, 2)) for x in range(96)}
    assert whole.mode == "RGB" and greys == {(242, 242, 243), (223, 223, 226)}
    assert whole.getpixel((48, 48)) == (255, 0, 0) and whole.getpixel((120, 40)) == (0, 0, 255)
    assert open_shown(encode_png(clear)).tobytes() == whole.crop((0, 0, 96, 96)).tobytes()


def test_models_see_a_transparent_upload_on_white() -> None:
    data = encode_png(Image.new("RGBA", (8, 8), (0, 0, 0, 100)))
    assert open_picture(data).getpixel((0, 0)) == (155, 155, 155)
    assert open_with_alpha(data).mode == "RGBA" and open_with_alpha(png(np.zeros((8, 8, 3), np.uint8))).mode == "RGB"
