"""Edits by models that were not made for it: where, how far, and what stays to the byte."""

from __future__ import annotations

from collections.abc import Callable

import numpy
import pytest
from diffusers import AmusedPipeline, FluxPipeline, LDMTextToImagePipeline, StableDiffusionPipeline
from PIL import Image

from engine.errors import InferenceFailed, InvalidRequest
from engine.loading.pipeline_classes import takes_lists
from engine.operations import editing
from engine.operations.difference_walk import DifferenceWalk
from engine.operations.instructions import picture_to_be
from engine.pictures.images import encode_png
from engine.requests import Edit, ImageRequest, ImageToImage
from tests.engine import families
from tests.engine.local_worker import SIZE, LocalWorker, PocketWorker, as_array, ask, png

LEFT = png(numpy.pad(numpy.full((64, 32, 3), 255, numpy.uint8), ((0, 0), (0, 32), (0, 0))))
PICTURE = png(numpy.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=numpy.uint8))


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LocalWorker]:
    cache, made = tmp_path_factory.getbasetemp() / "families", dict[str, LocalWorker]()

    def of(name: str) -> LocalWorker:
        if name not in made:
            made[name] = LocalWorker(families.folder(name, cache))
        return made[name]

    return of


def _edit(**fields: object) -> Edit:
    given = {"prompt": "a blue bird", "description": "a red apple", "image": PICTURE, "guidance_scale": 4.0, **SIZE}
    return ask(Edit, **{**given, **fields})


@pytest.mark.parametrize(
    "name",
    ["stable-diffusion", "stable-diffusion-3", "flux", "z-image", "sana", "anima", "stable-diffusion-xl-inpaint"],
)
def test_outside_of_the_mask_every_byte_stays(name: str, worker: Callable[[str], LocalWorker]) -> None:
    for cell in worker(name).draw(_edit(mask=LEFT)):
        before = as_array(PICTURE)
        assert (cell[:, 32:] == before[:, 32:]).all() and (cell[:, :32] != before[:, :32]).any()


@pytest.mark.parametrize("name", ["stable-diffusion", "flux"])
def test_an_edit_in_a_crowd_is_that_alone(name: str, worker: Callable[[str], LocalWorker]) -> None:
    asked = [
        _edit(),
        _edit(prompt="a boat", seed=40, num_images=1, num_inference_steps=6),
        ask(ImageRequest, num_images=1, **SIZE),
    ]
    alone = [worker(name).draw(request.model_copy(update={"id": f"alone {i}"})) for i, request in enumerate(asked)]
    for cells, messages in zip(alone, worker(name).run(*asked), strict=True):
        for cell, image in zip(cells, messages[-1].finished.images, strict=True):
            assert numpy.abs(as_array(image.png).astype(int) - cell).max() <= 1


def test_the_same_words_change_nothing(worker: Callable[[str], LocalWorker]) -> None:
    """What the two rows share cancels out: whatever the noise, the picture is what its latents say."""
    same = {"description": "a blue bird", "mask": png(numpy.full((64, 64, 3), 255, numpy.uint8)), "num_images": 1}
    one, other = (worker("stable-diffusion").draw(_edit(seed=seed, **same))[0] for seed in (1, 2))
    assert numpy.abs(one.astype(int) - other).max() <= 1


def test_words_that_ask_for_nothing_new_are_refused(worker: Callable[[str], LocalWorker]) -> None:
    refused = worker("stable-diffusion").refuse(_edit(description="a blue bird"))
    assert isinstance(refused, InvalidRequest) and "no difference" in refused.why


@pytest.mark.parametrize(
    ("said", "old", "new"),
    [
        ("make it blue", "a red apple", "a blue apple"),
        ("Make it orange!", "a sunflower", "an orange sunflower"),
        ("paint it dark green", "the old red car, flat", "the dark green old car, flat"),
        ("turn it into a tomato", "a red apple", "a tomato"),
        ("put it on a yellow background", "a red apple", "a red apple on a yellow background"),
        ("please add a hat", "a cat", "a cat with a hat"),
        ("a blue apple", "a red apple", "a blue apple"),
        ("makes it", "a red apple", "makes it"),
    ],
)
def test_an_instruction_becomes_the_words_of_the_picture_to_be(said: str, old: str, new: str) -> None:
    assert picture_to_be(said, old) == new


def test_what_an_instruction_was_read_as_is_told(worker: Callable[[str], LocalWorker]) -> None:
    asked = _edit(prompt="make it blue", num_images=1, num_inference_steps=2)
    assert "“make it blue” was read as “a blue apple”" in worker("stable-diffusion").finish(asked).notes
    editor = ask(Edit, prompt="make it blue", image=PICTURE, num_images=1, num_inference_steps=2, **SIZE)
    assert not any("was read as" in note for note in worker("flux2-klein").finish(editor).notes)


def test_the_mask_found_for_an_instruction_is_shown(worker: Callable[[str], LocalWorker]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(editing, "found_mask", lambda *_: Image.new("L", (64, 64)))
        asked = _edit(prompt="make it blue", num_images=1, num_inference_steps=2)
        assert worker("stable-diffusion").finish(asked).mask is not None


def test_a_picture_without_words_gets_some(worker: Callable[[str], LocalWorker]) -> None:
    finished = worker("stable-diffusion").finish(_edit(description="", num_images=1))
    assert any("was taken for" in note for note in finished.notes)


def test_more_pictures_than_fit_are_refused_by_number(worker: Callable[[str], LocalWorker]) -> None:
    for name, most in (("stable-diffusion", "one picture"), ("flux2-klein", "at most 4 pictures")):
        refused = worker(name).refuse(_edit(references=(PICTURE,) * 4))
        assert isinstance(refused, InvalidRequest) and most in refused.why and "these are 5" in refused.why


def test_a_picture_without_strength_is_edited_by_an_editor(worker: Callable[[str], LocalWorker]) -> None:
    klein = worker("flux2-klein")
    asked = {"image": PICTURE, "num_images": 1, **SIZE}
    edited = klein.draw(ask(Edit, **asked))[0]
    assert (klein.draw(ask(ImageToImage, **asked))[0] == edited).all()
    assert (klein.draw(ask(ImageToImage, strength=0.7, **asked))[0] != edited).any()


def test_pocket_paints_an_apple_and_keeps_its_leaf() -> None:
    """The background stays to the byte, and most of the red is gone."""
    pocket = PocketWorker()
    (before,) = pocket.draw(ask(prompt="red apple, 3d", seed=7, num_images=1, num_inference_steps=6))
    given = {"description": "red apple, 3d", "image": png(before), "num_images": 1, "num_inference_steps": 6}
    (after,) = pocket.draw(ask(Edit, prompt="green apple, 3d", **given))
    red = [(cell[..., 0].astype(int) - cell[..., 1] > 100).sum() for cell in (before, after)]
    assert red[1] < 0.3 * red[0]
    assert (after == before).all(axis=2).mean() > 0.1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("red apple, 3d", "green apple, 3d"),
        ("fox, flat", "panda, flat"),
        ("star next to crab, flat", "star next to fox, flat"),
        ("ghost", "ghost on a blue background"),
    ],
    ids=["colour", "thing", "one of two", "background"],
)
def test_four_edits_by_pocket_are_four_pictures(old: str, new: str) -> None:
    """They differ, a cell by itself is the same, and of two things the other one stays to the byte."""
    pocket = PocketWorker()
    (before,) = pocket.draw(ask(prompt=old, seed=3, num_images=1))
    given = {"prompt": new, "description": old, "image": png(before), "seed": 1000, "num_inference_steps": 6}
    cells = [cell.astype(int) for cell in pocket.draw(ask(Edit, num_images=4, **given))]
    (third,) = pocket.draw(ask(Edit, num_images=1, **{**given, "seed": 1002}))
    assert numpy.abs(third.astype(int) - cells[2]).max() <= 2
    for one, other in ((0, 1), (0, 2), (1, 3), (2, 3)):
        assert numpy.abs(cells[one] - cells[other]).mean() > 1
    if "next to" in old:
        assert all((cell[:, :96] == before[:, :96]).all() for cell in cells)


def test_a_mask_of_everything_is_told_not_shown(worker: Callable[[str], LocalWorker]) -> None:
    for share, is_told in ((1.0, True), (0.5, False)):
        white = Image.new("L", (64, 64))
        white.paste(255, (0, 0, 64, round(64 * share)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(editing, "found_mask", lambda *_, white=white: white)
            finished = worker("stable-diffusion").finish(_edit(num_images=1))
        assert any("all of the picture" in note for note in finished.notes) is is_told
        assert (finished.mask is None) is is_told


def test_a_wholly_transparent_picture_is_refused(worker: Callable[[str], LocalWorker]) -> None:
    refused = worker("stable-diffusion").refuse(_edit(image=encode_png(Image.new("RGBA", (64, 64), (255, 0, 0, 0)))))
    assert isinstance(refused, InvalidRequest) and "nothing to see" in refused.why


def test_a_fault_of_ours_is_not_taken_for_a_family_without_pairs(worker: Callable[[str], LocalWorker]) -> None:
    def broken(*_: object) -> None:
        raise TypeError("a fault")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DifferenceWalk, "step", broken)
        patch.setattr(editing, "within_mask", lambda *_: pytest.fail("the region was drawn anew instead"))
        assert isinstance(worker("stable-diffusion").refuse(_edit(mask=LEFT, num_images=1)), InferenceFailed)


@pytest.mark.parametrize(
    ("cls", "takes"),
    [(StableDiffusionPipeline, True), (FluxPipeline, True), (AmusedPipeline, False), (LDMTextToImagePipeline, False)],
)
def test_the_signature_says_who_takes_two_prompts(cls: type, takes: bool) -> None:
    assert takes_lists(cls) is takes


def test_a_reference_is_drawn_again_only_by_an_editor(worker: Callable[[str], LocalWorker]) -> None:
    asked = _edit(is_reference=True, num_images=1, width=96, height=64)
    assert worker("flux2-klein").draw(asked)[0].shape == (64, 96, 3)
    refused = worker("stable-diffusion").refuse(asked)
    assert isinstance(refused, InvalidRequest) and refused.field == "reference" and "does not draw" in refused.why
