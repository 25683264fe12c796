"""A folder of a family nobody named draws what stock diffusers draws from it, in a crowd too, or says why not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import diffusers
import numpy
import pytest
import torch

from engine.catalogue.catalogue import Catalogue
from engine.errors import InvalidRequest, ModelLoadFailed
from engine.loading.pipeline_classes import accepted, class_for
from engine.operations.img2img_from_noise import PictureOrigin
from engine.operations.pixels import arrays_of
from engine.pictures.images import open_picture
from engine.pipelines.names import task_of, unfit
from engine.requests import ImageRequest, ImageToImage, Inpaint
from engine.settings import EngineSettings, ModelSettings
from tests.engine.families import parts, strangers
from tests.engine.families.strangers import STRANGERS
from tests.engine.local_worker import SIZE, LocalWorker, as_array, ask, png

PICTURE = png(numpy.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=numpy.uint8))
CROWD = [
    ask(num_images=2, guidance_scale=4.0, **SIZE),
    ask(prompt="a blue bird in the rain, by night", seed=9, num_images=1, guidance_scale=2.5, **SIZE),
    ask(prompt="two boats", seed=5, num_inference_steps=5, num_images=1, guidance_scale=1.0, **SIZE),
    ask(seed=21, num_inference_steps=3, num_images=1, negative_prompt="blurry", guidance_scale=4.0, **SIZE),
]


class Stock:
    """A folder's pipeline as diffusers alone reads and calls it."""

    def __init__(self, folder: Path) -> None:
        if (folder / "model_index.json").exists():
            self._pipeline: Any = diffusers.DiffusionPipeline.from_pretrained(folder)
        else:
            self._pipeline = diffusers.ModularPipeline.from_pretrained(str(folder))
            self._pipeline.load_components()
        self._pipeline.set_progress_bar_config(disable=True)
        self._is_modular = isinstance(self._pipeline, diffusers.ModularPipeline)
        parts = self._pipeline.components.items()
        self._unused = {name: copy.deepcopy(part) for name, part in parts if "scheduler" in name or "guider" in name}

    def draw(self, request: ImageRequest) -> list[numpy.ndarray]:
        """Each cell alone, as bytes, by schedulers and guiders that drew nothing before."""
        return [self._cell(request, request.seed + cell) for cell in range(request.num_images)]

    def _cell(self, request: ImageRequest, seed: int) -> numpy.ndarray:
        pipeline, unused = self._pipeline, copy.deepcopy(self._unused)
        pipeline.update_components(**unused) if self._is_modular else pipeline.register_modules(**unused)
        known = dict.fromkeys(("prompt", "width", "height", "num_inference_steps", "guidance_scale"))
        called: dict[str, Any] = {name: getattr(request, name) for name in known}
        if request.negative_prompt:
            called["negative_prompt"] = request.negative_prompt
        if "guidance_schedule" in accepted(pipeline):
            called["guidance_schedule"] = [called.pop("guidance_scale")] * (request.num_inference_steps or 0)
        chosen = {name: value for name, value in called.items() if name in accepted(pipeline)}
        chosen |= {"generator": torch.Generator().manual_seed(seed), "output_type": "np"}
        drawn = pipeline(**chosen, output="images") if self._is_modular else pipeline(**chosen).images
        return (drawn[0].clip(0, 1) * 255).round()


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_draws_in_a_crowd_what_it_draws_alone(name: str, tmp_path: Path) -> None:
    folder = strangers.save(STRANGERS[name], tmp_path / name)
    worker = LocalWorker(folder)
    crowd, stock = [worker.admit(request).request for request in CROWD], Stock(folder)
    for request, messages in zip(crowd, worker.run(*CROWD), strict=True):
        with torch.inference_mode():
            expected = stock.draw(request)
        for image, cell in zip(messages[-1].finished.images, expected, strict=True):
            assert numpy.abs(as_array(image.png) - cell).max() <= 1


def test_a_cell_of_a_grid_owes_nothing_to_the_first_ones_seed(tmp_path: Path) -> None:
    folder = strangers.save(strangers.glm_image, tmp_path / "model")
    worker, request = LocalWorker(folder), ask(**SIZE)
    with torch.inference_mode():
        expected = Stock(folder).draw(worker.admit(request).request)
    for picture, cell in zip(worker.draw(request), expected, strict=True):
        assert numpy.abs(picture - cell).max() <= 1


def test_a_modular_familys_cells_are_inpainted_as_each_alone(tmp_path: Path) -> None:
    worker = LocalWorker(strangers.save(strangers.xl_modular, tmp_path / "model"))
    mask = numpy.pad(numpy.full((32, 32, 3), 255, numpy.uint8), ((16, 16), (8, 24), (0, 0)))
    region = {"image": PICTURE, "mask": png(mask), "strength": 0.8, "guidance_scale": 4.0, **SIZE}
    grid = worker.draw(ask(Inpaint, seed=7, num_images=2, **region))
    (alone,) = worker.draw(ask(Inpaint, seed=8, num_images=1, **region))
    assert numpy.abs(grid[1].astype(int) - alone).max() <= 1


class Eavesdropper(diffusers.StableDiffusionPipeline):
    """Takes its prompt's embedding from inside the text encoder, as JoyImage's pipelines do."""

    def encode_prompt(self, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        heard: dict[str, torch.Tensor] = {}
        layer = self.text_encoder.final_layer_norm
        handle = layer.register_forward_hook(lambda _module, _given, output: heard.update(said=output))
        try:
            _, unwanted = super().encode_prompt(*args, **kwargs)
        finally:
            handle.remove()
        return heard["said"], unwanted


def test_a_pipeline_inside_an_encoder_hears_its_own_prompt(tmp_path: Path) -> None:
    worker = LocalWorker(strangers.save(strangers.velocity, tmp_path / "model"))
    prompts = ("a red apple", "a blue bird", "a red apple")
    crowd = [ask(prompt=prompt, num_images=1, guidance_scale=1.0, **SIZE) for prompt in prompts]
    expected = [worker.draw(request.model_copy(update={"id": f"alone {i}"}))[0] for i, request in enumerate(crowd)]
    worker.model.base.__class__ = Eavesdropper
    for picture, messages in zip(expected, worker.run(*crowd), strict=True):
        assert numpy.abs(as_array(messages[-1].finished.images[0].png) - picture.astype(int)).max() <= 1


def test_an_autoencoder_refusing_pictures_costs_only_previews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = strangers.save(strangers.velocity, tmp_path / "model")

    def refuse(*_args: object, **_options: object) -> None:
        raise RuntimeError("expected input to have 4 channels")

    monkeypatch.setattr(diffusers.AutoencoderKL, "encode", refuse)
    assert len(LocalWorker(folder).draw(ask(**SIZE))) == 2


@pytest.mark.parametrize(
    ("noise_scheduler", "steps", "why"),
    [
        ("PNDMScheduler", 1, "this model cannot draw in 1 steps; take at least 4"),
        ("PNDMScheduler", 3, "this model cannot draw in 3 steps; take at least 4"),
        ("LCMScheduler", 60, "this model cannot draw in 60 steps; take at most 50"),
        ("TCDScheduler", 500, "this model cannot draw in 500 steps; take at most 50"),
    ],
)
def test_steps_a_noise_scheduler_cannot_make_are_refused(
    noise_scheduler: str, steps: int, why: str, tmp_path: Path
) -> None:
    worker = LocalWorker(strangers.save(strangers.velocity, tmp_path / "model"))
    refused = worker.refuse(ask(noise_scheduler=noise_scheduler, num_inference_steps=steps, **SIZE))
    assert isinstance(refused, InvalidRequest)
    assert refused.field == "num_inference_steps" and refused.why == why


def test_transparency_is_kept_in_a_picture() -> None:
    drawn = torch.rand(2, 4, 8, 8)
    cells = arrays_of(drawn)
    assert [cell.shape for cell in cells] == [(8, 8, 4)] * 2
    assert numpy.array_equal(cells[0], drawn[0].permute(1, 2, 0))


def test_what_edits_pictures_does_not_draw_from_words(tmp_path: Path) -> None:
    worker = LocalWorker(strangers.save(strangers.pix2pix, tmp_path / "pix2pix"))
    refused = worker.refuse(ask(**SIZE))
    assert isinstance(refused, InvalidRequest)
    assert "picture" in refused.why
    assert len(worker.draw(ask(ImageToImage, image=PICTURE, **SIZE))) == 2


@pytest.mark.parametrize("blocks", [diffusers.QwenImageEditAutoBlocks, diffusers.QwenImageEditPlusAutoBlocks])
def test_a_modular_editor_takes_pictures_and_no_words_alone(blocks: Any) -> None:
    pipeline = blocks().init_pipeline()
    assert class_for(pipeline, "text_to_image") is None
    assert class_for(pipeline, "image_to_image") is type(pipeline)


def test_a_refiner_refines_and_does_not_draw_from_words(tmp_path: Path) -> None:
    worker = LocalWorker(strangers.save(strangers.refiner, tmp_path / "refiner"))
    assert isinstance(worker.refuse(ask(**SIZE)), InvalidRequest)
    assert len(worker.draw(ask(ImageToImage, image=PICTURE, **SIZE))) == 2


@pytest.mark.parametrize(
    ("latents", "noise_scheduler"),
    [
        (torch.zeros(2, 1, 8, 8, 4), diffusers.FlowMatchEulerDiscreteScheduler()),  # channels come last
        (torch.zeros(2, 4, 8, 8), diffusers.SCMScheduler()),  # adds no noise to anything
    ],
)
def test_a_picture_unfit_for_a_familys_latents_is_refused(latents: torch.Tensor, noise_scheduler: Any) -> None:
    origin = PictureOrigin(open_picture(PICTURE), 0.5, None, parts.kl_autoencoder().eval())
    with pytest.raises(InvalidRequest, match="cannot start from a picture"):
        origin.noised(latents, latents, noise_scheduler, 0)


def test_a_pipeline_without_words_is_refused_by_name_unqueued(tmp_path: Path) -> None:
    folder = strangers.save(strangers.without_words, tmp_path / "faces")
    catalogue = Catalogue(EngineSettings(models={"faces": ModelSettings(source=str(folder))}))
    with pytest.raises(ModelLoadFailed, match=r"faces.*takes no prompt"):
        catalogue.spec("faces")


@pytest.mark.parametrize(
    ("pipeline", "why"),
    [
        ("CogView4ControlPipeline", "control picture"),
        ("StableDiffusionControlNetXSPipeline", "control picture"),
        ("StableDiffusionControlNetPipeline", ""),
        ("FluxControlPipeline", ""),
        ("StableDiffusionAdapterPipeline", ""),
        ("StableDiffusionUpscalePipeline", "enlarges"),
        ("KandinskyV22PriorPipeline", "first half"),
        ("WanPipeline", "films"),
        ("LattePipeline", "films"),
        ("WanModularPipeline", "films"),
        ("AceStepPipeline", "audios"),
        ("DiffusionGemmaPipeline", "texts"),
        ("ShapEPipeline", "three dimensions"),
        ("KandinskyPipeline", "image_embeds"),
        ("StableDiffusionAttendAndExcitePipeline", "token_indices"),
        ("StableDiffusionGLIGENPipeline", "more than words"),
        ("IFSuperResolutionPipeline", "enlarges"),
        ("VersatileDiffusionPipeline", "no prompt"),
        ("DiTPipeline", "no prompt"),
        ("ZImageModularPipeline", ""),
        ("StableDiffusionPipeline", ""),
        ("FluxKontextPipeline", ""),
        ("A class of tomorrow", ""),
    ],
)
def test_a_pipelines_signature_says_whether_it_can_serve(pipeline: str, why: str) -> None:
    from engine.pipelines.signatures import Signatures

    said = unfit(pipeline, Signatures().of(pipeline))
    assert why in said and bool(why) == bool(said)


@pytest.mark.parametrize(
    ("pipeline", "task"),
    [
        ("StableDiffusionXLPipeline", "text_to_image"),
        ("StableDiffusionXLImg2ImgPipeline", "image_to_image"),
        ("StableDiffusionDepth2ImgPipeline", "image_to_image"),
        ("QwenImageEditPipeline", "image_to_image"),
        ("QwenImageEditInpaintPipeline", "inpaint"),
        ("IFInpaintingPipeline", "inpaint"),
        ("FluxFillPipeline", "inpaint"),
    ],
)
def test_a_pipelines_name_says_what_it_draws_from(pipeline: str, task: str) -> None:
    assert task_of(pipeline) == task
