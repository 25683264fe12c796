"""Families made for editing: in a crowd of edits and plain requests each cell is what stock diffusers makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from engine.requests import Edit
from tests.engine.families import editors, strangers
from tests.engine.families.editors import EDITORS
from tests.engine.local_worker import SIZE, LocalWorker, as_array, ask, png


def _noise(seed: int, side: int = 64) -> bytes:
    return png(numpy.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=numpy.uint8))


PICTURES = [_noise(seed) for seed in range(3)]


def _crowd(worker: LocalWorker) -> list[Any]:
    """Edits with one picture and with several, beside a plain request where the family draws from words alone."""
    spec = worker.catalogue.spec("model")
    assert spec.references is not None
    others = tuple(PICTURES[1 : spec.references.most])
    plain = (
        [] if spec.need == "picture" else [ask(prompt="two boats", seed=5, num_images=1, guidance_scale=2.0, **SIZE)]
    )
    return [
        ask(Edit, image=PICTURES[0], num_images=2, guidance_scale=4.0, **SIZE),
        ask(Edit, prompt="make it night", image=PICTURES[1], references=others, seed=9, num_images=1,
            guidance_scale=2.5, num_inference_steps=3, **SIZE),
        *plain,
    ]  # fmt: skip


@pytest.mark.parametrize("name", EDITORS)
def test_an_editor_in_a_crowd_is_stock(name: str, tmp_path: Path) -> None:
    folder = strangers.save(EDITORS[name], tmp_path / name)
    worker = LocalWorker(folder)
    crowd = [worker.admit(request).request for request in _crowd(worker)]
    for request, messages in zip(crowd, worker.run(*crowd), strict=True):
        with torch.inference_mode():
            expected = editors.stock(folder, request, worker.catalogue.spec("model"))
        assert hasattr(messages[-1], "finished"), messages[-1]
        for image, cell in zip(messages[-1].finished.images, expected, strict=True):
            assert numpy.abs(as_array(image.png) - cell).max() <= 1
