"""Control pictures: in a crowd of controlled and plain requests each cell is what stock diffusers makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image, ImageDraw

from engine.requests import Control, ImageToImage
from tests.engine.families import controls
from tests.engine.families.controls import CONTROLLED, Stock
from tests.engine.local_worker import SIZE, LocalWorker, as_array, ask, png


def shape(kind: str, colour: str = "navy") -> bytes:
    canvas = Image.new("RGB", (96, 96), "white")
    draw = getattr(ImageDraw.Draw(canvas), kind)
    draw((20, 16, 72, 80), fill=colour)
    return png(numpy.asarray(canvas))


ROUND, SQUARE = shape("ellipse"), shape("rectangle", "orange")


def crowd(type_: Any, img2img: bool) -> list[Any]:
    """Controlled requests that differ in everything, beside plain ones."""
    one, two = Control(image=ROUND, type=type_), Control(image=SQUARE, type=type_, strength=0.6)
    more = [
        ask(ImageToImage, image=SQUARE, strength=0.6, control=one, seed=4, num_images=1, guidance_scale=3.0, **SIZE)
    ]
    return [
        ask(control=one, guidance_scale=4.0, **SIZE),
        ask(prompt="a blue bird in the rain", control=two, seed=9, num_images=1, guidance_scale=2.5,
            num_inference_steps=3, **SIZE),
        ask(prompt="two boats", seed=5, num_images=1, guidance_scale=2.0, **SIZE),
        ask(prompt="two boats", control=Control(image=SQUARE, type=type_), seed=6, guidance_scale=4.0, **SIZE),
        *(more if img2img else []),
    ]  # fmt: skip


@pytest.fixture
def worker(family_folder: Callable[[str], Path], tmp_path: Path) -> Callable[[str], tuple[LocalWorker, Path, Path]]:
    def made(name: str) -> tuple[LocalWorker, Path, Path]:
        if name == "flux-lora":
            base, type_ = family_folder("flux"), "edges"
            location = controls.save_control_lora(base, tmp_path / "lora" / "canny.safetensors")
        else:
            base, type_ = family_folder(CONTROLLED[name].family), CONTROLLED[name].type
            location = controls.save_network(name, base, tmp_path / name)
        return LocalWorker(base, keys={"controls": {type_: str(location)}}), base, location

    return made


@pytest.mark.parametrize("name", [*CONTROLLED, "flux-lora"])
def test_control_in_a_crowd_is_stock(name: str, worker: Callable[[str], tuple[LocalWorker, Path, Path]]) -> None:
    local, base, location = worker(name)
    (type_,) = local.model.controls
    spec = local.catalogue.spec("model")
    img2img = name in ("sd-controlnet", "sdxl-controlnet", "sdxl-union", "flux-controlnet", "flux-lora")
    asked, folders = [local.admit(request).request for request in crowd(type_, img2img)], Stock(base, location, spec)
    for request, messages in zip(asked, local.run(*asked), strict=True):
        assert hasattr(messages[-1], "finished"), messages[-1]
        expected = controls.stock(folders, request)
        for image, cell in zip(messages[-1].finished.images, expected, strict=True):
            assert numpy.abs(as_array(image.png).astype(int) - cell).max() <= 1, request.prompt
        assert (messages[-1].finished.control is None) == (request.control is None)
