"""`/edit`, the button under a picture and the menu: what is asked of the job service, and what is refused."""

from __future__ import annotations

import pytest

from bot.domain.jobs.stored_files import pack_frames, unpack_frames
from bot.domain.model import CellRef, Preferences, Verb
from tests.bot.scripted import png, webp
from tests.bot.world import World, labels


async def _picture(world: World, prompt: str = "a red fox --model sdxl"):
    asked = await world.ada.slash(world.channel, "imagine", prompt=prompt)
    await world.job_service.done()
    assert asked.response is not None
    post = (await world.bo.click(world.messages[-1], label="U2")).response
    assert post is not None
    return post


async def test_a_command_takes_a_picture_two_more_and_a_mask(world: World) -> None:
    await world.ada.slash(
        world.channel, "edit", picture=("a.png", png("red")), what="a green fox --seed 4",
        second=("b.webp", webp("blue")), third=("c.png", png("white")), mask=("m.png", png("white")), model="sdxl",
    )  # fmt: skip
    await world.job_service.done()
    spec = world.job_service.asks[0].spec
    assert spec.verb is Verb.EDIT and len(spec.images) == 3 and spec.mask is not None and spec.source is None
    assert (spec.options.prompt, spec.options.model, spec.seed) == ("a green fox", "sdxl", 4)


async def test_the_button_asks_for_words_and_pictures(world: World) -> None:
    post = await _picture(world)
    assert "Edit" in labels(post.message)
    form = await world.bo.click(post, label="Edit")
    assert form.modal is not None and "a red fox" in str(form.modal)
    await world.bo.submit_modal(form, {"prompt": "a blue fox", "pictures": [("b.png", png("blue"))]})
    await world.job_service.done()
    spec = world.job_service.asks[-1].spec
    assert (spec.verb, spec.source) == (Verb.EDIT, CellRef(job_id="job0000001", cell=1))
    assert (spec.options.prompt, spec.options.model, len(spec.images)) == ("a blue fox", "sdxl", 1)


async def test_a_form_left_open_over_a_restart_still_edits(world: World) -> None:
    form = await world.bo.click(await _picture(world), label="Edit")
    await world.restart()
    await world.bo.submit_modal(form, {"prompt": "a blue fox"})
    await world.job_service.done()
    assert world.job_service.asks[-1].spec.verb is Verb.EDIT


async def test_an_owner_who_says_no_is_obeyed(world: World) -> None:
    post = await _picture(world)
    form = await world.bo.click(post, label="Edit")
    await world.members.prefer(world.ada.id, Preferences(share="me"))
    for refused in (
        await world.bo.click(post, label="Edit"),
        await world.bo.context_menu(world.channel, "Darkroom: edit", post.message),
        await world.bo.submit_modal(form, {"prompt": "a blue fox"}),
    ):
        assert refused.modal is None and refused.response is not None and refused.response.ephemeral
        assert "to themselves" in refused.response.content
    assert len(world.job_service.asks) == 1


async def test_the_menu_edits_what_one_has_posted(world: World) -> None:
    message = await world.bo.send(world.channel, "mine", attachments=[("fox.png", png("red"))])
    form = await world.bo.context_menu(world.channel, "Darkroom: edit", message)
    assert form.modal is not None
    await world.bo.submit_modal(form, {"prompt": "a green fox", "pictures": [("b.png", png("blue"))]})
    await world.job_service.done()
    spec = world.job_service.asks[-1].spec
    assert (spec.verb, len(spec.images), spec.options.prompt) == (Verb.EDIT, 2, "a green fox")


@pytest.mark.parametrize("where", ["picture", "second", "mask"])
async def test_what_is_no_picture_is_refused_before_anything(world: World, where: str) -> None:
    given = {"picture": ("a.png", png("red")), where: ("x.png", b"no picture")}
    refused = await world.ada.slash(world.channel, "edit", what="a fox", **given)
    assert refused.response is not None and refused.response.ephemeral and "no picture" in refused.response.content
    assert not world.job_service.asks


async def test_the_place_of_an_edit_is_corrected(world: World) -> None:
    await world.ada.slash(world.channel, "edit", picture=("a.png", png("red")), what="a green fox")
    await world.job_service.done()
    packed = pack_frames((webp("grey"),), png("white"))
    world.pictures.held["frames.zip"] = packed
    world.jobs.change("job0000001", frames_key="frames.zip")
    shown = (await world.ada.slash(world.channel, "show", job="job0000001")).response
    assert shown is not None and [file.filename for file in shown.attachments][1] == "darkroom-job0000001-where.png"
    assert unpack_frames(packed) == [webp("grey")]

    form = await world.bo.click(shown, label="Edit region")
    await world.bo.submit_modal(form, {"prompt": "a blue fox", "ninths": ["4"]})
    await world.job_service.done()
    first, second = (ask.spec for ask in world.job_service.asks)
    assert (second.verb, second.images, second.options.prompt) == (Verb.EDIT, first.images, "a blue fox")
    assert second.mask is not None and second.parent_id == "job0000001"


async def test_only_an_edit_has_a_region_to_correct(world: World) -> None:
    await _picture(world)
    assert "Edit region" not in labels(world.messages[-2])
