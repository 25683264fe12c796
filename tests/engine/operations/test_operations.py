"""Everything one can ask of a lane, on tiny real pipelines in one process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import DiagonalGaussianDistribution as QwenDistribution
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image
from safetensors.torch import load as load_latents

from engine.batching.batch_size import BatchSize
from engine.errors import InvalidRequest
from engine.events import Finished
from engine.loading.loaded_model import LoadedModel
from engine.operations import super_resolution
from engine.operations.outpainting import lay_on_canvas
from engine.operations.pixels import inward_feather
from engine.operations.seams import join
from engine.operations.tools import Describer, SuperResolution, Tools
from engine.pictures.images import open_picture
from engine.pictures.parameters import read_request
from engine.pocket.upscaler import Upscaler
from engine.previews.lane_previews import MAX_FRAMES
from engine.previews.previewer import FRAME_SIDE
from engine.processes.protocol import LaneFinished, LaneProgress
from engine.requests import Blend, Describe, ImageRequest, ImageToImage, Inpaint, Outpaint, PromptPart, Upscale
from tests.engine.local_worker import SIDE, SIZE, LocalWorker, PocketWorker, as_array, ask, png


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def worker_of(family_folder: Callable[[str], Path]) -> Callable[[str], LocalWorker]:
    known = dict[str, LocalWorker]()

    def worker(name: str) -> LocalWorker:
        if name not in known:
            known[name] = LocalWorker(family_folder(name))
        return known[name]

    return worker


OWN = ["stable-diffusion", "stable-diffusion-3", "flux", "z-image", "qwen-image", "kandinsky-2.2", "anima"]
UNIVERSAL = ["pixart-sigma", "lumina2", "flux2-klein"]


@pytest.mark.parametrize("family", ["stable-diffusion-3", "flux", "qwen-image", "z-image"])
def test_the_universal_way_equals_the_familys_own_image_to_image(
    worker_of: Callable[[str], LocalWorker], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for distribution in (DiagonalGaussianDistribution, QwenDistribution):
        monkeypatch.setattr(distribution, "sample", lambda self, generator=None: self.mode())
    worker, request = worker_of(family), ask(ImageToImage, image=png(noise(SIDE, SIDE)), strength=0.6, **SIZE)
    own = worker.draw(request)
    monkeypatch.setattr(LoadedModel, "supports", lambda self, task: task == "text_to_image")
    for ours, theirs in zip(worker.draw(request), own, strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("family", OWN + UNIVERSAL)
def test_a_picture_is_a_start(worker_of: Callable[[str], LocalWorker], family: str) -> None:
    worker = worker_of(family)
    pictures = [noise(SIDE, SIDE, seed) for seed in range(2)]
    drawn = [worker.draw(ask(ImageToImage, image=png(each), strength=0.5, **SIZE))[0] for each in pictures]
    assert not np.array_equal(*drawn)


@pytest.mark.parametrize("family", OWN + UNIVERSAL)
@pytest.mark.parametrize("feather_px", [None, 0, 3])
def test_inpainting_leaves_every_pixel_outside_the_mask_alone(
    worker_of: Callable[[str], LocalWorker], family: str, feather_px: int | None
) -> None:
    picture = noise(90, 70)
    mask = np.zeros_like(picture)
    mask[20:50, 30:70] = 255
    request = ask(Inpaint, image=png(picture), mask=png(mask), feather_px=feather_px, strength=1.0, **SIZE)
    for cell in worker_of(family).draw(request):
        assert cell.shape == picture.shape
        assert np.array_equal(cell[mask == 0], picture[mask == 0])
        assert (cell[25:45, 35:65] != picture[25:45, 35:65]).mean() > 0.5


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("family", ["stable-diffusion", "stable-diffusion-xl", "flux", "z-image", "pixart-sigma"])
def test_one_weighted_part_is_the_prompt_itself(worker_of: Callable[[str], LocalWorker], family: str) -> None:
    worker = worker_of(family)
    plain = worker.draw(ask(prompt="a dog", **SIZE))
    parts = (PromptPart(text="a dog", weight=3.0),)
    for ours, theirs in zip(worker.draw(ask(prompt_parts=parts, **SIZE)), plain, strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_weights_lead_from_one_prompt_to_the_other(worker_of: Callable[[str], LocalWorker]) -> None:
    worker = worker_of("stable-diffusion")

    def mixed(cat: float, dog: float) -> bytes | None:
        parts = (PromptPart(text="a cat on a mat", weight=cat), PromptPart(text="a dog", weight=dog))
        return worker.finish(ask(prompt_parts=parts, num_images=1, **SIZE)).images[0].latents

    def latents(raw: bytes | None) -> torch.Tensor:
        assert raw
        return load_latents(raw)["latents"]

    cat, dog, both = (latents(mixed(*weights)) for weights in ((1, 0), (0, 1), (1, 1)))
    assert 0 < (both - cat).norm() < (dog - cat).norm()


def test_a_model_that_only_inpaints_says_so(worker_of: Callable[[str], LocalWorker]) -> None:
    error = worker_of("stable-diffusion-xl-inpaint").refuse(ask(**SIZE))
    assert isinstance(error, InvalidRequest)
    assert error.field == "model"


@pytest.mark.parametrize(
    "family", ["stable-diffusion", "latent-consistency", "flux", "z-image", "deepfloyd-if", "kandinsky-2.2"]
)
def test_stopping_early_shows_the_estimate_and_saves_the_rest(
    worker_of: Callable[[str], LocalWorker], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = worker_of(family)
    denoiser = worker.model.parkable.get("unet") or worker.model.parkable["transformer"]
    passes = list[int]()
    monkeypatch.setattr(BatchSize, "rows", lambda *_: 8)  # no sweeps among the passes that are counted
    denoiser.register_forward_pre_hook(lambda *_: passes.append(1))
    size = SIZE if family != "deepfloyd-if" else {"width": 16, "height": 16}
    whole = worker.draw(ask(num_images=1, num_inference_steps=8, **size))
    all_passes = len(passes)
    passes.clear()
    half = worker.draw(ask(num_images=1, num_inference_steps=8, stop_at=0.5, **size))
    assert len(passes) < all_passes
    assert len(passes) <= all_passes / 2 + 1 or family == "kandinsky-2.2", "a prior runs to its end"
    assert not np.array_equal(half[0], whole[0])


def seam(picture: np.ndarray) -> float:
    """How much larger steps are across the left and right border than inside."""
    picture = picture.astype(int)
    return float(np.abs(picture[:, 0] - picture[:, -1]).mean() / np.abs(np.diff(picture, axis=1)).mean())


def test_a_tile_has_no_seam(worker_of: Callable[[str], LocalWorker]) -> None:
    worker = worker_of("stable-diffusion")
    plain = np.mean([seam(cell) for cell in worker.draw(ask(num_images=4, **SIZE))])
    tiles = np.mean([seam(cell) for cell in worker.draw(ask(num_images=4, tile=True, **SIZE))])
    assert tiles < 1.3
    assert tiles < plain


def test_a_family_without_convolutions_says_that_it_cannot_tile(worker_of: Callable[[str], LocalWorker]) -> None:
    error = worker_of("flux").refuse(ask(tile=True, **SIZE))
    assert isinstance(error, InvalidRequest)
    assert error.field == "tile"


def gradient(width: int, height: int) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, 200, width), np.linspace(0, 55, height))
    return np.stack([x + y, 255 - x, 128 + y], axis=2).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("change", "size"),
    [({"zoom": 2.0}, (96, 80)), ({"right": 0.5}, (136, 80)), ({"zoom": 1.5, "top": 0.25}, (96, 100))],
    ids=["zoom out", "pan", "both"],
)
def test_outpainting_keeps_the_picture_and_shows_no_seam(
    worker_of: Callable[[str], LocalWorker], change: dict[str, float], size: tuple[int, int]
) -> None:
    picture = gradient(96, 80)
    request = ask(Outpaint, image=png(picture), num_images=1, **change)
    (cell,) = worker_of("stable-diffusion").draw(request)
    assert cell.shape[1::-1] == size
    canvas, kept = lay_on_canvas(Image.fromarray(picture), request)
    assert np.array_equal(cell[kept == 1], np.asarray(canvas)[kept == 1])
    steps = np.abs(np.diff(cell.astype(int), axis=1)).mean(2)
    border = np.flatnonzero(np.diff((kept.max(0) > 0).astype(int)))
    across, inside = steps[:, border].mean(), np.delete(steps, border, axis=1)
    assert across <= np.percentile(inside, 95)


def test_each_further_pan_is_drawn_as_large_as_the_first(worker_of: Callable[[str], LocalWorker]) -> None:
    worker, picture, drawn = worker_of("stable-diffusion"), gradient(64, 64), set[tuple[int | None, int | None]]()
    for seed in range(4):
        request = worker.admit(ask(Outpaint, image=png(picture), right=0.5, num_images=1, seed=seed)).request
        drawn.add((request.width, request.height))
        (panned,) = worker.draw(request)
        assert panned.shape == (64, picture.shape[1] + 32, 3)
        canvas, kept = lay_on_canvas(Image.fromarray(picture), request)
        assert np.array_equal(panned[kept == 1], np.asarray(canvas)[kept == 1])
        picture = panned
    assert len(drawn) == 1


@pytest.mark.parametrize(("side", "size"), [("bottom", (64, 136)), ("right", (136, 64))])
def test_a_band_joins_an_edge_at_the_size_of_the_model(
    worker_of: Callable[[str], LocalWorker], side: str, size: tuple[int, int]
) -> None:
    picture = gradient(*((64, 96) if side == "bottom" else (96, 64)))
    wanted = ask(Outpaint, image=png(picture), num_images=1, strength=1.0, trim=0.125, reach=0.25, **{side: 0.75})
    request = worker_of("stable-diffusion").admit(wanted).request
    assert (request.width, request.height) == (SIDE, SIDE)
    (cell,) = worker_of("stable-diffusion").draw(request)
    assert cell.shape[1::-1] == size
    canvas, kept = lay_on_canvas(Image.fromarray(picture), request)
    assert np.array_equal(cell[kept == 1], np.asarray(canvas)[kept == 1])
    rest = picture[:88] if side == "bottom" else picture[:, :88]
    assert np.array_equal(np.asarray(canvas)[: rest.shape[0], : rest.shape[1]], rest)


def test_something_else_keeps_its_colours_beyond_the_fade() -> None:
    kept = ramp(64, 64)
    under, over = np.full((64, 64, 3), 0.2, np.float32), np.full((64, 64, 3), 0.4, np.float32)
    assert np.array_equal(join(under, over, kept, is_other=True)[kept == 0], over[kept == 0])
    assert join(under, over, kept)[kept == 0].max() < 0.3


def test_a_pan_is_of_a_size_that_kandinskys_masks_fit(worker_of: Callable[[str], LocalWorker]) -> None:
    request = ask(Outpaint, image=png(gradient(96, 64)), left=0.5, num_images=1)
    (cell,) = worker_of("kandinsky-2.2-inpaint").draw(request)
    assert cell.shape == (64, 128, 3)


@pytest.mark.parametrize("family", ["stable-diffusion", "flux"])
def test_the_preview_of_a_pan_has_the_shape_that_is_drawn(family_folder: Callable[[str], Path], family: str) -> None:
    (messages,) = LocalWorker(family_folder(family), keys=SIZE).run(
        ask(Outpaint, image=png(gradient(64, 64)), bottom=1.0, num_images=1)
    )
    previews = [message.preview for message in messages if isinstance(message, LaneProgress) and message.preview]
    assert previews and all(preview.height > 1.6 * preview.width for preview in previews)


def test_a_picture_of_another_shape_is_not_squeezed(
    worker_of: Callable[[str], LocalWorker],
) -> None:
    stripes = np.zeros((64, 256, 3), dtype=np.uint8)
    stripes[:, :96] = stripes[:, 160:] = 255
    asked = ask(ImageToImage, image=png(stripes), strength=0.0, num_images=1, num_inference_steps=50, **SIZE)
    (cell,) = worker_of("stable-diffusion").draw(asked)
    middle = np.repeat(np.repeat(stripes[:1, 96:160], 64, axis=0), 1, axis=1)
    (same,) = worker_of("stable-diffusion").draw(asked.model_copy(update={"image": png(middle)}))
    assert apart(cell, same) < 1


def test_the_recipe_of_a_pan_has_the_size_of_what_came_of_it(worker_of: Callable[[str], LocalWorker]) -> None:
    finished = worker_of("stable-diffusion").finish(ask(Outpaint, image=png(gradient(64, 64)), left=0.5))
    assert finished.recipe and (finished.recipe.width, finished.recipe.height) == (96, 64)
    assert "Size: 96x64" in finished.recipe.parameters


def test_who_asks_for_it_draws_alone_and_the_recipe_says_who_did(worker_of: Callable[[str], LocalWorker]) -> None:
    worker = worker_of("stable-diffusion")

    def run(**fields: Any) -> list[Finished]:
        requests = [ask(seed=seed, num_images=1, **SIZE, **fields) for seed in range(2)]
        return [messages[-1].finished for messages in worker.run(*requests)]

    worker.run(*[ask(seed=seed, num_images=1, **SIZE) for seed in range(3)])  # so that the merge is proved
    assert [finished.recipe.alone for finished in run() if finished.recipe] == [False, False]
    apart = run(alone=True)
    assert [finished.recipe.alone for finished in apart if finished.recipe] == [True, True]
    again = worker.finish(ask(seed=1, num_images=1, **SIZE))
    assert again.images[0].png == apart[1].images[0].png


def ramp(width: int, height: int) -> np.ndarray:
    """What a picture on the left keeps: all, fading to nothing over a sixth of the width."""
    across = np.clip((width / 2 - np.arange(width)) / (width / 6), 0, 1)
    return np.repeat(across[None].astype(np.float32), height, axis=0)


@pytest.mark.parametrize(("tone", "limit"), [(0.15, 0.006), (0.6, 0.05)], ids=["another tone", "another thing"])
def test_where_two_pictures_meet_there_is_no_line(tone: float, limit: float) -> None:
    x = np.linspace(0, 0.2, 240, dtype=np.float32)[None, :, None]
    under = np.broadcast_to(0.1 + x, (160, 240, 3)).copy()
    over, kept = under + np.float32(tone), ramp(240, 160)

    joined = join(under, over, kept)

    steps = np.abs(np.diff(joined, axis=1))
    assert steps.max() < limit, "no step across the band is larger than fading over it takes"
    assert joined.min() >= under.min() - 0.01 and joined.max() <= over.max() + 0.01, "no colour that is in neither"
    assert np.array_equal(joined[kept == 1], under[kept == 1])


def test_a_narrow_mask_is_drawn_in_all_the_same() -> None:
    mask = Image.new("L", (100, 100))
    mask.paste(255, (40, 0, 46, 100))
    alpha = inward_feather(mask, 20)
    assert alpha[:, 43].min() > 0.5
    assert not alpha[:, :40].any() and not alpha[:, 46:].any()


def test_a_blend_lies_between_its_pictures(worker_of: Callable[[str], LocalWorker]) -> None:
    worker, pictures = worker_of("stable-diffusion"), (png(noise(SIDE, SIDE, 1)), png(noise(SIDE, SIDE, 2)))

    def blended(first: float, second: float) -> np.ndarray:
        return worker.draw(ask(Blend, images=pictures, weights=(first, second), strength=0.0, **SIZE))[0]

    one, other, both = blended(1, 0), blended(0, 1), blended(1, 1)
    assert 0 < apart(both, one) < apart(other, one) + apart(both, other)


@pytest.fixture
def upscaler(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A small random network instead of the trained one; the list has the pixels of each pass."""
    torch.manual_seed(0)
    network, seen = Upscaler(channels=4, convolutions=2), list[int]()
    network.register_forward_pre_hook(lambda _, args: seen.append(args[0][0, 0].numel()))
    monkeypatch.setattr(Tools, "upscaler", SuperResolution(network, 4, len(network.body) // 2 + 1, "random"))
    return seen


@pytest.mark.parametrize("factor", [4.0, 2.7, 1.1])
def test_upscaling_in_tiles_equals_upscaling_at_once(
    worker_of: Callable[[str], LocalWorker], upscaler: list[int], monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    worker = worker_of("stable-diffusion")
    request = ask(Upscale, image=png(gradient(100, 70)), num_images=1, factor=factor)
    (whole,) = worker.draw(request)
    assert whole.shape == (round(70 * factor), round(100 * factor), 3)
    monkeypatch.setattr(super_resolution, "TILE", 32)
    upscaler.clear()
    (tiled,) = worker.draw(request)
    assert np.abs(tiled.astype(int) - whole).max() <= 1
    assert max(upscaler) <= (32 + 2 * 8) ** 2


@pytest.mark.parametrize("size", [(4096, 300), (5000, 400)])
def test_what_is_as_large_as_pictures_get_is_not_upscaled(
    worker_of: Callable[[str], LocalWorker], size: tuple[int, int]
) -> None:
    with pytest.raises(InvalidRequest, match="4096 pixels"):
        worker_of("stable-diffusion").admit(ask(Upscale, image=png(gradient(*size)), num_images=1))


def test_zooming_out_of_a_thing_does_not_draw_it_around_itself() -> None:
    pocket = PocketWorker()
    (cat,) = pocket.draw(ask(prompt="a cat", num_images=1, num_inference_steps=5))
    asked = {"prompt": "a cat", "image": png(cat), "zoom": 2.0, "num_inference_steps": 12}
    for zoomed in pocket.draw(ask(Outpaint, **asked)):
        around = np.ones(zoomed.shape[:2], bool)
        around[64:-64, 64:-64] = False
        stained = (zoomed.min(axis=2) < 215) & around
        assert stained.sum() < 0.02 * around.sum()


@pytest.mark.parametrize("kind", [ImageToImage, Outpaint, Upscale, Describe])
def test_a_sliver_is_no_picture_to_work_on(worker_of: Callable[[str], LocalWorker], kind: type[ImageRequest]) -> None:
    with pytest.raises(InvalidRequest, match="16 times"):
        worker_of("stable-diffusion").admit(ask(kind, image=png(gradient(500, 3)), num_images=1))


def test_creative_upscaling_draws_all_parts_anew(worker_of: Callable[[str], LocalWorker], upscaler: list[int]) -> None:
    worker = worker_of("stable-diffusion")
    spec = worker.model.spec
    picture = gradient(spec.width, round(spec.height * 0.75))
    (messages,) = worker.run(ask(Upscale, image=png(picture), mode="creative", num_images=1, strength=0.5))
    last = messages[-1]
    assert isinstance(last, LaneFinished)
    assert as_array(last.finished.images[0].png).shape == (2 * picture.shape[0], 2 * picture.shape[1], 3)
    assert any("twice" in note for note in last.finished.notes)
    assert [message.step for message in messages if isinstance(message, LaneProgress)]


def test_a_picture_is_described_by_its_nearest_labels_and_style(
    worker_of: Callable[[str], LocalWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Encoder(torch.nn.Module):
        """Sees how red and how bright a picture is."""

        def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            red = pictures.mean((2, 3))[:, :1]
            return torch.cat((red, -red), dim=1), torch.cat((-red, red), dim=1)

    labels = ("tomato", "sea", "fog")
    anchors = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.1]])
    monkeypatch.setattr(Tools, "describer", Describer(Encoder(), labels, anchors, ("flat", "glossy")))
    red = np.zeros((30, 40, 3), dtype=np.uint8)
    red[..., 0] = 255
    finished = worker_of("stable-diffusion").finish(ask(Describe, image=png(red), num_images=2))
    assert finished.captions == ("tomato, glossy", "fog, glossy")
    assert any("3 everyday things and 2 drawing styles" in note for note in finished.notes)
    assert finished.images == ()


def test_the_recipe_and_the_time_lapse_come_with_the_pictures(worker_of: Callable[[str], LocalWorker]) -> None:
    finished = worker_of("stable-diffusion").finish(ask(num_inference_steps=6, **SIZE))
    assert finished.recipe
    assert finished.recipe.noise_scheduler == "PNDMScheduler"
    assert "Steps: 6" in finished.recipe.parameters
    assert finished.gpu_ms > 0
    assert 1 <= len(finished.frames) <= MAX_FRAMES
    assert all(open_picture(frame).width <= 2 * FRAME_SIDE for frame in finished.frames)
    again = read_request(finished.images[1].png)
    assert again.seed == 8


def test_the_same_prompt_is_encoded_once(worker_of: Callable[[str], LocalWorker]) -> None:
    worker = worker_of("stable-diffusion")
    encoder, passes = worker.model.parkable["text_encoder"], list[int]()
    watching = encoder.register_forward_hook(lambda *_: passes.append(1))
    with worker.running() as (tick_loop, said), torch.inference_mode():
        for request in (ask(**SIZE), ask(**SIZE), ask(prompt="a blue pear", **SIZE)):
            tick_loop.open(worker.admit(request), worker.model)
            while tick_loop.lanes:
                tick_loop.tick()
    watching.remove()
    first, again, _ = (message.finished for message in said if isinstance(message, LaneFinished))
    assert [image.png for image in first.images] == [image.png for image in again.images]
    assert len(passes) == 3, "the prompt, the empty negative one, and the other prompt"
