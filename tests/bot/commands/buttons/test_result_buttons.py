from __future__ import annotations

import pytest

from bot.domain.model import CellRef, Preferences, Verb
from bot.ui.content.custom_ids import Act, FormId
from tests.bot.scripted import webp
from tests.bot.world import World, eventually, labels


async def grid(world: World, prompt: str = "a red fox"):
    await world.ada.slash(world.channel, "imagine", prompt=prompt)
    await world.job_service.done()
    return world.messages[-1]


async def test_u_posts_the_kept_cell_with_its_own_buttons(world: World) -> None:
    message = await grid(world)

    result = await world.bo.click(message, label="U2")

    post = result.response
    assert post is not None and not post.ephemeral and message.jump_url in post.content
    assert [file.filename for file in post.attachments] == ["darkroom-job0000001-2.png"]
    assert "Picture 2" in (post.attachments[0].description or "")
    assert await world.jobs.at_message(post.id) == (world.jobs.jobs["job0000001"], 1)
    assert {"Upscale (subtle)", "Vary region", "Custom zoom", "⬅️", "Parent"} <= set(labels(post.message))
    assert len(world.job_service.asks) == 1


async def test_old_buttons_work_after_a_restart_at_every_press(world: World) -> None:
    message = await grid(world)
    await world.restart()

    first = await world.bo.click(message, label="U1")
    await world.env.advance_time(2)
    second = await world.bo.click(message, label="U1")

    assert first.response is not None and second.response is not None
    assert len(world.messages) == 3


async def test_a_double_click_counts_once(world: World) -> None:
    message = await grid(world)
    await world.bo.click(message, label="V1")
    second = await world.bo.click(message, label="V1")
    await world.ada.click(message, label="V1")
    await world.job_service.done()
    assert second.acknowledged and second.followups == []
    assert [ask.member.name for ask in world.job_service.asks] == ["ada", "bo", "ada"]


@pytest.mark.parametrize(
    ("act", "verb", "fields"),
    [
        (Act.UPSCALE_SUBTLE, Verb.UPSCALE_SUBTLE, {"count": 1, "factor": 4.0}),
        (Act.UPSCALE_CREATIVE, Verb.UPSCALE_CREATIVE, {"count": 1, "factor": 2.0}),
        (Act.VARY_SUBTLE, Verb.VARY_SUBTLE, {"count": 4}),
        (Act.VARY_STRONG, Verb.VARY_STRONG, {"count": 4}),
        (Act.ZOOM_OUT_1_5, Verb.ZOOM, {"zoom": 1.5}),
        (Act.ZOOM_OUT_2, Verb.ZOOM, {"zoom": 2.0}),
        (Act.PAN_LEFT, Verb.PAN, {"pan": (0.5, 0.0, 0.0, 0.0)}),
        (Act.PAN_DOWN, Verb.PAN, {"pan": (0.0, 0.0, 0.0, 0.5)}),
        (Act.DESCRIBE, Verb.DESCRIBE, {}),
    ],
)
async def test_every_derivation_asks_for_the_cell_it_is_about(
    world: World, act: Act, verb: Verb, fields: dict[str, object]
) -> None:
    post = (await world.bo.click(await grid(world), label="U3")).response
    assert post is not None

    await world.bo.click(post, custom_id=f"dr:{act.value}:job0000001:2")
    await world.job_service.done()

    ask = world.job_service.asks[-1]
    assert ask.spec.verb is verb and ask.spec.source == CellRef(job_id="job0000001", cell=2)
    assert ask.member.name == "bo" and {name: getattr(ask.spec, name) for name in fields} == fields
    reply = next(message for message in world.messages if message.id == world.jobs.jobs["job0000002"].reply.message_id)
    assert "from this picture" in reply.content


async def test_v_makes_variations_and_reroll_takes_a_new_seed(world: World) -> None:
    message = await grid(world, "a red fox --seed 7")

    await world.ada.click(message, label="V4")
    await world.ada.click(message, custom_id="dr:r:job0000001:0")
    await world.job_service.done()

    imagined, varied, rerolled = (ask.spec for ask in world.job_service.asks)
    assert varied.source == CellRef(job_id="job0000001", cell=3)
    assert rerolled.verb is Verb.REROLL and rerolled.source is None and rerolled.parent_id == "job0000001"
    assert rerolled.options.prompt == imagined.options.prompt and rerolled.seed != imagined.seed


async def test_remix_mode_asks_for_the_words_first(world: World) -> None:
    message = await grid(world)
    await world.members.prefer(world.bo.id, Preferences(remix=True))

    shown = await world.bo.click(message, label="V1")
    assert shown.modal is not None and len(world.job_service.asks) == 1
    await world.bo.submit_modal(shown, {"prompt": "a blue fox --steps 9"})
    await world.job_service.done()

    spec = world.job_service.asks[-1].spec
    assert (spec.options.prompt, spec.options.steps, spec.source) == (
        "a blue fox", 9, CellRef(job_id="job0000001", cell=0),
    )  # fmt: skip


async def test_a_wrong_word_in_a_modal_is_answered_privately(world: World) -> None:
    message = await grid(world)
    await world.members.prefer(world.bo.id, Preferences(remix=True))
    shown = await world.bo.click(message, custom_id="dr:r:job0000001:0")

    result = await world.bo.submit_modal(shown, {"prompt": "a fox --stepz 9"})

    assert result.response is not None and result.response.ephemeral
    assert "--stepz" in result.response.content and len(world.job_service.asks) == 1


async def test_a_region_is_ticked_or_painted(world: World) -> None:
    post = (await world.bo.click(await grid(world), label="U1")).response
    assert post is not None
    shown = await world.bo.click(post, label="Vary region")
    await world.bo.submit_modal(shown, {"prompt": "a moon", "ninths": ["0", "4"]})
    await world.job_service.done()

    spec = world.job_service.asks[-1].spec
    assert spec.verb is Verb.REGION and spec.mask is not None
    assert world.pictures.held[spec.mask].startswith(b"\x89PNG")

    shown = await world.bo.click(post, label="Vary region")
    await world.bo.submit_modal(shown, {"prompt": "a moon", "mask": [("mask.webp", webp("white"))]})
    await world.job_service.done()
    assert world.job_service.asks[-1].spec.mask not in (None, spec.mask)


async def test_an_empty_region_and_a_mask_no_picture_are_refused(world: World) -> None:
    post = (await world.bo.click(await grid(world), label="U1")).response
    assert post is not None
    for values, word in (({}, "region"), ({"mask": [("mask.png", b"no picture")]}, "no picture")):
        shown = await world.bo.click(post, label="Vary region")
        result = await world.bo.submit_modal(shown, {"prompt": "a moon", **values})
        assert result.response is not None and result.response.ephemeral and word in result.response.content
    assert len(world.job_service.asks) == 1


async def test_custom_zoom_takes_a_factor_and_words(world: World) -> None:
    post = (await world.bo.click(await grid(world), label="U1")).response
    assert post is not None
    shown = await world.bo.click(post, label="Custom zoom")
    await world.bo.submit_modal(shown, {"zoom": "1,8x", "prompt": "a forest"})
    await world.job_service.done()
    assert (world.job_service.asks[-1].spec.zoom, world.job_service.asks[-1].spec.options.prompt) == (1.8, "a forest")

    shown = await world.bo.click(post, label="Custom zoom")
    result = await world.bo.submit_modal(shown, {"zoom": "9", "prompt": "a forest"})
    assert result.response is not None and "1.75" in result.response.content


async def test_the_owner_decides_who_may_press(world: World) -> None:
    message = await grid(world)
    await world.members.prefer(world.ada.id, Preferences(share="me"))

    refused = await world.bo.click(message, label="V1")
    allowed = await world.ada.click(message, label="V1")

    assert refused.response is not None and refused.response.ephemeral and "to themselves" in refused.response.content
    assert allowed.response is not None and not allowed.response.ephemeral
    assert len(world.job_service.asks) == 2


async def test_cancel_is_for_the_owner(world: World) -> None:
    world.job_service.gate.clear()
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await eventually(lambda: "step 3" in world.messages[-1].content)

    refused = await world.bo.click(world.messages[-1], label="Cancel")
    assert refused.response is not None and refused.response.ephemeral
    assert f"Only <@{world.ada.id}>, who asked for it, and moderators" in refused.response.content
    cancelled = await world.ada.click(world.messages[-1], label="Cancel")

    assert cancelled.response is not None and cancelled.response.content == "Cancelled."
    [reply] = [message for message in world.messages if not message.flags.ephemeral]
    assert "Cancelled" in reply.content and not reply.attachments and not reply.components


async def test_recipe_card_and_again(world: World) -> None:
    message = await grid(world, "a red fox --seed 41")
    card = await world.bo.click(message, custom_id="dr:i:job0000001:0")
    assert card.response is not None and card.response.ephemeral
    assert any(field.value == "41" for field in card.response.embeds[0].fields)

    await world.bo.click(card.response, label="Make it again")
    await world.job_service.done()
    again, first = world.job_service.asks[-1].spec, world.job_service.asks[0].spec
    assert again == first.model_copy(update={"parent_id": "job0000001", "alone": True})


async def test_timelapse_is_offered_only_where_frames_are_kept(world: World) -> None:
    message = await grid(world)
    assert "Time-lapse" not in labels(message)
    world.jobs.change("job0000001", frames_key="frames/x.zip")

    shown = await world.ada.slash(world.channel, "show", job="job0000001")
    assert shown.response is not None and "Time-lapse" in labels(shown.response.message)
    film = await world.bo.click(shown.response, label="Time-lapse")

    assert film.response is not None and film.response.attachments[0].filename.endswith(".webp")

    await world.env.advance_time(5)
    world.env.inject_error("POST", "/interactions/*", status=413, code=40005)
    smaller = await world.bo.click(shown.response, label="Time-lapse")
    assert smaller.response is not None and smaller.response.attachments and not smaller.response.ephemeral
    assert not world.env.backend.faults, "it was refused once"


async def test_a_file_that_is_too_large_for_discord_is_sent_smaller(world: World) -> None:
    message = await grid(world)
    world.env.inject_error("POST", "/interactions/*", status=413, code=40005)
    post = (await world.bo.click(message, label="U2")).response
    assert post is not None and post.attachments and not post.ephemeral
    assert not world.env.backend.faults, "it was refused once"


async def test_a_region_is_drawn_by_the_model_that_drew_the_rest(world: World) -> None:
    message = await grid(world, "a fox --model sdxl")
    post = (await world.ada.click(message, label="U1")).response
    assert post is not None
    form = await world.ada.click(post, label="Vary region")
    await world.ada.submit_modal(form, {"prompt": "an owl", "ninths": ["4"]})
    await world.job_service.done()
    assert world.job_service.asks[-1].spec.options.model == "sdxl"


@pytest.mark.parametrize(
    ("button", "values", "verb"),
    [
        ("Vary region", {"prompt": "a moon", "ninths": ["4"]}, Verb.REGION),
        ("Custom zoom", {"prompt": "a moon", "zoom": "1.5"}, Verb.ZOOM),
        ("Vary (subtle)", {"prompt": "a moon"}, Verb.VARY_SUBTLE),
    ],
)
async def test_a_form_that_was_open_during_a_restart_still_works(
    world: World, button: str, values: dict[str, object], verb: Verb
) -> None:
    post = (await world.bo.click(await grid(world), label="U3")).response
    assert post is not None
    await world.members.prefer(world.bo.id, Preferences(remix=True))
    shown = await world.bo.click(post, label=button)
    assert shown.modal is not None
    await world.restart()

    await world.bo.submit_modal(shown, values)
    await world.job_service.done()

    spec = world.job_service.asks[-1].spec
    assert (spec.verb, spec.options.prompt, spec.source) == (verb, "a moon", CellRef(job_id="job0000001", cell=2))


async def test_a_form_is_refused_when_its_picture_is_gone(world: World) -> None:
    post = (await world.bo.click(await grid(world), label="U1")).response
    assert post is not None
    shown = await world.bo.click(post, label="Custom zoom")
    world.jobs.jobs.clear()
    answer = (await world.bo.submit_modal(shown, {"prompt": "a moon", "zoom": "2"})).response
    assert answer is not None and answer.ephemeral and "do not have that picture" in answer.content


async def test_a_form_of_another_version_is_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    post = (await world.bo.click(await grid(world), label="U1")).response
    assert post is not None
    monkeypatch.setattr(FormId, "__str__", lambda self: "drf:old:1")
    shown = await world.bo.click(post, label="Custom zoom")
    answer = (await world.bo.submit_modal(shown, {"prompt": "a moon", "zoom": "2"})).response
    assert answer is not None and answer.ephemeral and "press the button again" in answer.content
