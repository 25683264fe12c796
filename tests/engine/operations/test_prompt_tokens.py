"""What acts on nothing is told: text no encoder read, and what was to be kept out where nothing is."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from engine.events import Finished
from engine.pictures.images import read_text
from engine.requests import ImageRequest, PromptPart, Upscale
from tests.engine.local_worker import LocalWorker

LONG = "a red apple and " * 12 + "a boat at dawn"


@pytest.fixture(scope="module")
def pocket() -> LocalWorker:
    return LocalWorker(Path(str(resources.files("engine") / "pocket/weights")))


def finished(worker: LocalWorker, request: ImageRequest) -> Finished:
    return next(message.finished for message in worker.run(request)[0] if hasattr(message, "finished"))


def test_the_end_no_encoder_read_is_told(pocket: LocalWorker) -> None:
    few: dict[str, Any] = {"num_inference_steps": 1, "num_images": 1}
    [note] = finished(pocket, ImageRequest(prompt=LONG, **few)).notes
    assert "24 tokens" in note and note.endswith("a boat at dawn”")
    assert not finished(pocket, ImageRequest(prompt="a red apple", **few)).notes
    [listed] = finished(pocket, ImageRequest(prompt="a red fox, " * 5 + "a boat, a tree", **few)).notes
    assert listed.endswith("not read was “a tree”"), "the comma before it is left out"
    parts = (PromptPart(text=LONG), PromptPart(text="snow"))
    assert len(finished(pocket, ImageRequest(prompt="x", prompt_parts=parts, **few)).notes) == 1


def test_what_is_not_kept_out_is_told(pocket: LocalWorker) -> None:
    plain = ImageRequest(prompt="fox", negative_prompt="text")
    assert not pocket.catalogue.resolve(plain)[1]
    resolved, notes = pocket.catalogue.resolve(plain.model_copy(update={"guidance_scale": 1.0}))
    assert "above 1" in notes[0] and not resolved.negative_prompt


def test_what_was_only_enlarged_has_no_seed_nor_steps(pocket: LocalWorker) -> None:
    drawn = finished(pocket, ImageRequest(prompt="fox", seed=7, num_inference_steps=1, num_images=1)).images[0]
    assert "Sampler: DPM++ 2M" in read_text(drawn.png)["parameters"]
    done = finished(pocket, Upscale(prompt="fox", image=drawn.png, negative_prompt="text", guidance_scale=1.0))
    assert done.recipe is not None and not done.notes
    assert (done.recipe.seed, done.recipe.num_inference_steps, done.recipe.noise_scheduler) == (None, None, "")
    said = read_text(done.images[0].png)
    assert not any(word in said["parameters"] for word in ("Seed", "Steps", "Sampler", "CFG", "Model"))
    assert "Postprocess upscaler: realesr-animevideov3" in said["parameters"]
    assert not {"seed", "cell_seed", "num_inference_steps"} & {
        *json.loads(said["darkroom"]),
        *json.loads(said["darkroom"])["request"],
    }
