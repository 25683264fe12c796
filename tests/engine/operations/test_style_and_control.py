"""A style picture and a control picture in one request: in a crowd each cell is what stock diffusers makes of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.errors import InvalidRequest
from engine.pictures.images import encode_png
from engine.requests import Control, ImageToImage, StyleImage
from tests.engine.families import controls
from tests.engine.families.controls import CONTROLLED, Stock
from tests.engine.local_worker import SIZE, LocalWorker, as_array, ask
from tests.engine.style_adapters import save_adapter

BOTH = ("sd-controlnet", "sdxl-controlnet", "sdxl-adapter", "sd3-controlnet", "flux-controlnet")
"""Networks whose class of diffusers takes style pictures too."""
FROM_PICTURES = ("sd-controlnet", "sdxl-controlnet")
"""Those that do also when they start from a picture."""


def shape(colour: str, at: int) -> bytes:
    canvas = Image.new("RGB", (96, 96), "white")
    ImageDraw.Draw(canvas).ellipse((at, 16, at + 40, 80), fill=colour)
    return encode_png(canvas)


def styled(colour: str) -> tuple[StyleImage, ...]:
    return (StyleImage(image=encode_png(Image.new("RGB", (64, 48), colour))),)


@pytest.fixture
def worker(family_folder: Callable[[str], Path], tmp_path: Path) -> Callable[..., tuple[LocalWorker, Path, Path]]:
    def made(name: str, type_: str = "") -> tuple[LocalWorker, Path, Path]:
        base = family_folder(CONTROLLED[name].family)
        location = controls.save_network(name, base, tmp_path / name)
        keys: dict[str, Any] = {"controls": {type_ or CONTROLLED[name].type: str(location)}, "style_weight": 0.7}
        keys["style_adapter"] = str(save_adapter(base, tmp_path / "style"))
        return LocalWorker(base, keys=keys), base, location

    return made


def crowd(type_: Any, is_from_picture: bool) -> list[Any]:
    """Requests with both, with one of the two, and with neither; they differ in everything."""
    left, right = Control(image=shape("navy", 8), type=type_), Control(image=shape("orange", 40), type=type_)
    both = [
        ask(control=left, style_images=styled("red"), guidance_scale=4.0, **SIZE),
        ask(prompt="two boats", control=right, style_images=styled("blue"), style_weight=600, seed=9, num_images=1,
            guidance_scale=2.5, num_inference_steps=3, **SIZE),
    ]  # fmt: skip
    more = [
        ask(ImageToImage, image=shape("green", 20), strength=0.6, control=left, style_images=styled("green"), seed=4,
            num_images=1, guidance_scale=3.0, **SIZE)
    ]  # fmt: skip
    return [
        *both,
        ask(control=right, seed=3, num_images=1, guidance_scale=4.0, **SIZE),
        ask(style_images=styled("red"), seed=5, num_images=1, guidance_scale=4.0, **SIZE),
        ask(seed=6, num_images=1, guidance_scale=4.0, **SIZE),
        *(more if is_from_picture else []),
    ]


@pytest.mark.parametrize("name", BOTH)
def test_both_in_a_crowd_are_stock(name: str, worker: Callable[..., tuple[LocalWorker, Path, Path]]) -> None:
    local, base, location = worker(name)
    (type_,) = local.model.controls
    asked = [local.admit(request).request for request in crowd(type_, name in FROM_PICTURES)]
    folders = Stock(base, location, local.catalogue.spec("model"))
    for request, messages in zip(asked, local.run(*asked), strict=True):
        assert hasattr(messages[-1], "finished"), messages[-1]
        expected = controls.stock(folders, request)
        for image, cell in zip(messages[-1].finished.images, expected, strict=True):
            assert np.abs(as_array(image.png).astype(int) - cell).max() <= 1, request


def test_each_of_the_two_makes_a_difference(worker: Callable[..., tuple[LocalWorker, Path, Path]]) -> None:
    local, _, _ = worker("sd-controlnet")
    control, style = {"control": Control(image=shape("navy", 8))}, {"style_images": styled("red")}
    drawn = [local.draw(ask(**each, **SIZE))[0].tobytes() for each in (control | style, control, style, {})]
    assert len(set(drawn)) == 4


def test_both_share_the_weights_of_each(worker: Callable[..., tuple[LocalWorker, Path, Path]]) -> None:
    local, _, _ = worker("sd-controlnet")
    model, request = local.model, ask(control=Control(image=shape("navy", 8), type="edges"), style_images=styled("red"))
    both, styled_alone = model.for_request(request), model.styled
    assert styled_alone is not None and both is styled_alone.controls["edges"] and both.has_style
    assert both.parkable["controlnet"] is model.controls["edges"].parkable["controlnet"]
    assert both.parkable["unet"] is styled_alone.parkable["unet"] and both.adapters is styled_alone.adapters
    assert len({model.hash, styled_alone.hash, model.controls["edges"].hash, both.hash}) == 4


def test_a_class_that_takes_no_style_picture_is_named(
    worker: Callable[..., tuple[LocalWorker, Path, Path]],
) -> None:
    local, _, _ = worker("sd-adapter")
    both = {"control": Control(image=shape("navy", 8)), "style_images": styled("red")}
    refused = local.refuse(ask(**both, **SIZE))
    assert isinstance(refused, InvalidRequest) and refused.field == "control"
    assert "StableDiffusionAdapterPipeline of diffusers takes no style picture" in refused.why
    assert "leave one of them out" in refused.why
    for each in both:
        assert len(local.draw(ask(**{each: both[each]}, **SIZE))) == 2, "one alone is drawn"
