"""`/imagine control:` as members use it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.jobs.stored_files import pack_frames, unpack_control, unpack_frames
from bot.domain.model import Verb
from tests.bot.scripted import png, webp
from tests.bot.world import World, labels


async def test_a_control_picture_its_kind_and_its_strength_are_kept(world: World) -> None:
    await world.ada.slash(
        world.channel, "imagine", prompt="a fox", control=("map.png", png("red")), control_type="as_it_is",
        control_strength=0.7,
    )  # fmt: skip
    await world.job_service.done()
    spec = world.job_service.asks[0].spec
    assert spec.control is not None and spec.control.startswith("uploads/") and spec.control in spec.uploads
    assert (spec.options.control_type, spec.options.control_strength) == ("as_it_is", 0.7)
    assert "--ct as-it-is --cw 0.7" in world.messages[-1].content and not spec.images


async def test_flags_say_the_same_as_the_options(world: World) -> None:
    given: dict[str, Any] = {"control": ("map.png", png("red"))}
    await world.ada.slash(world.channel, "imagine", prompt="a fox --ct scribble --cw 1,5", **given)
    await world.job_service.done()
    options = world.job_service.asks[0].spec.options
    assert (options.control_type, options.control_strength) == ("scribble", 1.5)


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("a fox --ct edges", "option `control`"),
        ("a fox --cw 0.5", "option `control`"),
        ("a fox --ct lines", "as_it_is"),
        ("a fox --cw 3", "from 0 to 2"),
    ],
)
async def test_flags_without_a_picture_or_a_sense_are_refused(world: World, prompt: str, word: str) -> None:
    refused = (await world.ada.slash(world.channel, "imagine", prompt=prompt)).response
    assert refused is not None and refused.ephemeral and word in refused.content and not world.job_service.asks


async def test_what_is_no_picture_names_its_option(world: World) -> None:
    refused = (await world.ada.slash(world.channel, "imagine", prompt="a fox", control=("a.png", b"none"))).response
    assert refused is not None and refused.ephemeral and "picture" in refused.content
    assert not world.job_service.asks


async def test_variations_keep_to_it_and_other_work_does_not(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox --ct edges", control=("map.png", png("red")))
    await world.job_service.done()
    post = (await world.ada.click(world.messages[-1], label="U1")).response
    assert post is not None
    for button in ("Vary (strong)", "Zoom out 2x", "Upscale (subtle)"):
        await world.ada.click(post, label=button)
    await world.job_service.done()
    first, varied, zoomed, larger = (ask.spec for ask in world.job_service.asks)
    assert varied.control == first.control and varied.options.control_type == "edges"
    assert zoomed.control is larger.control is zoomed.options.control_type is None
    assert varied.verb is Verb.VARY_STRONG


async def test_what_the_model_saw_is_shown_beside_the_pictures(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox", control=("map.png", png("red")))
    await world.job_service.done()
    packed = pack_frames((webp("grey"),), None, png("white"))
    assert unpack_frames(packed) == [webp("grey")] and unpack_control(packed) == png("white")
    world.pictures.held["frames.zip"] = packed
    world.jobs.change("job0000001", frames_key="frames.zip")
    shown = (await world.ada.slash(world.channel, "show", job="job0000001")).response
    assert shown is not None and [file.filename for file in shown.attachments][1] == "darkroom-job0000001-control.png"
    assert shown.attachments[1].description == "What the model saw of the control picture."
    assert "Edit region" not in labels(shown.message)


async def test_a_pasted_prompt_is_not_proposed_without_its_picture(world: World) -> None:
    pasted = {"prompt": "(a fox:1.3) --v 6", "control": ("map.png", png("red"))}
    refused = (await world.ada.slash(world.channel, "imagine", **pasted)).response
    assert refused is not None and refused.ephemeral and "Draw this" not in labels(refused.message)
