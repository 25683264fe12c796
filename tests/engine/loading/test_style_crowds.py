"""Several style pictures of several weights, in crowds, for every family that takes an IP-Adapter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPVisionModelWithProjection, SiglipImageProcessor, SiglipVisionModel

from engine.batching.batch_size import MOST_ROWS, BatchSize
from engine.processes.protocol import LaneFinished
from engine.requests import ImageRequest, StyleImage
from tests.engine.families import FAMILIES
from tests.engine.local_worker import SIDE, SIZE, LocalWorker, as_array, ask, png
from tests.engine.style_adapters import save_adapter

USUAL = 0.7
WISHES: tuple[tuple[int, tuple[tuple[str, float], ...], float], ...] = (
    (1, (("red", 1.0),), 100),
    (2, (("red", 2.0), ("blue", 1.0)), 100),
    (3, (("blue", 1.0), ("green", 3.0), ("red", 0.5)), 1000),
    (4, (("green", 1.0),), 20),
    (5, (), 100),
)
"""Seed, colours with weights, style weight: the last request is a plain one."""


@pytest.fixture(scope="module", params=["stable-diffusion", "stable-diffusion-xl", "flux", "stable-diffusion-3"])
def family(
    request: pytest.FixtureRequest, family_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[LocalWorker, Any]:
    """Our worker, and the stock pipeline with the same adapter."""
    kind = FAMILIES[request.param]
    folder = family_folder(kind.name)
    adapter = save_adapter(folder, tmp_path_factory.mktemp(kind.name), encoder="seeing")
    seeing = adapter.parent / "seeing"
    stock = kind.load(folder)
    if kind.name == "stable-diffusion-3":
        stock.register_modules(
            image_encoder=SiglipVisionModel.from_pretrained(seeing),
            feature_extractor=SiglipImageProcessor.from_pretrained(seeing),
        )
    else:
        stock.register_modules(image_encoder=CLIPVisionModelWithProjection.from_pretrained(seeing))
    stock.load_ip_adapter(str(adapter.parent), subfolder="", weight_name=adapter.name)
    keys = {"style_adapter": str(adapter), "style_encoder": str(seeing), "style_weight": USUAL}
    return LocalWorker(folder, keys=keys), stock


def wish(seed: int, colours: tuple[tuple[str, float], ...], weight: float) -> ImageRequest:
    pictures = tuple(StyleImage(image=_encoded(colour), weight=share) for colour, share in colours)
    return ask(style_images=pictures, style_weight=weight, seed=seed, guidance_scale=4.0, **SIZE)


def test_styled_crowds_are_what_stock_diffusers_draws(
    family: tuple[LocalWorker, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, stock = family
    # How many rows pay off is measured; here as many as there are, on any machine.
    monkeypatch.setattr(BatchSize, "rows", lambda *_: MOST_ROWS)
    rows: list[int] = []
    assert worker.model.styled is not None
    denoiser = next(worker.model.styled.parkable[name] for name in ("unet", "transformer") if name in vars(stock))
    counting = denoiser.register_forward_pre_hook(
        lambda _, args, kwargs: rows.append(_rows(args, kwargs)), with_kwargs=True
    )
    said = worker.run(*(wish(*each) for each in WISHES))
    counting.remove()
    for messages, (seed, colours, weight) in zip(said, WISHES, strict=True):
        assert isinstance(messages[-1], LaneFinished), messages[-1]
        if colours:
            expected = _stock(stock, seed, colours, weight)
            for ours, theirs in zip(messages[-1].finished.images, expected, strict=True):
                apart = np.abs(as_array(ours.png).astype(int) - (theirs * 255).round().astype(int))
                assert apart.max() <= 1, (colours, weight)
    assert max(rows) >= 8, "rows of different weights shared passes"


def test_every_weight_and_picture_makes_a_difference(family: tuple[LocalWorker, Any]) -> None:
    worker, _ = family
    colours = (("red", 1.0), ("blue", 1.0))
    drawn = [
        worker.draw(wish(7, pictures, weight))[0].tobytes()
        for pictures, weight in (((), 100), (colours, 100), (colours[:1], 100), (colours, 900))
    ]
    assert len(set(drawn)) == 4


def _stock(stock: Any, seed: int, colours: tuple[tuple[str, float], ...], weight: float) -> np.ndarray:
    scale = USUAL * weight / 100 if weight <= 100 else USUAL + (weight - 100) / 900 * (1 - USUAL)
    stock.set_ip_adapter_scale(scale)
    whole = sum(share for _, share in colours)
    guided = {} if "Flux" in type(stock).__name__ else {"do_classifier_free_guidance": True}
    seen = [stock.prepare_ip_adapter_image_embeds(_picture(name), None, "cpu", 1, **guided) for name, _ in colours]
    is_list = isinstance(seen[0], list)
    mean = sum(share / whole * (each[0] if is_list else each) for each, (_, share) in zip(seen, colours, strict=True))
    return stock(
        "a red apple", num_inference_steps=4, num_images_per_prompt=2, guidance_scale=4.0, output_type="np",
        generator=[torch.Generator().manual_seed(seed + cell) for cell in (0, 1)], height=SIDE, width=SIDE,
        ip_adapter_image_embeds=[mean] if is_list else mean,
    ).images  # fmt: skip


def _rows(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    return len(args[0] if args else kwargs["hidden_states"])


def _picture(colour: str) -> Image.Image:
    return Image.new("RGB", (64, 48), colour)


def _encoded(colour: str) -> bytes:
    return png(np.asarray(_picture(colour)))
