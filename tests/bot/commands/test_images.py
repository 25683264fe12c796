from __future__ import annotations

from pathlib import Path

import discord
import pytest
from PIL import Image

from bot.domain.model import CellRef, Preferences, Verb
from bot.settings import StyleSettings
from tests.bot.scripted import png, webp
from tests.bot.world import World, labels
from tests.picture_files import encoded


async def test_blend_takes_two_to_five_pictures(world: World) -> None:
    await world.ada.slash(
        world.channel, "blend", first=("a.png", png("red")), second=("b.webp", webp("blue")), prompt="in oil"
    )
    await world.job_service.done()
    spec = world.job_service.asks[0].spec
    assert spec.verb is Verb.BLEND and len(spec.images) == 2 and spec.options.prompt == "in oil"
    assert all(world.pictures.held[key].startswith(b"\x89PNG") for key in spec.images)


async def test_an_image_prompt_is_kept_under_the_name_of_its_content(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox", image=("../../x.png", png("red")), strength=0.4)
    await world.job_service.done()
    spec = world.job_service.asks[0].spec
    [key] = spec.images
    assert key.startswith("uploads/") and ".." not in key and spec.options.strength == 0.4


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"not a picture", "no picture"), (b"\x89PNG\r\n\x1a\n" + b"0" * 50, "picture"), (b"<svg/>", "no picture")],
)
async def test_what_is_no_picture_is_refused_privately(world: World, content: bytes, word: str) -> None:
    result = await world.ada.slash(world.channel, "describe", image=("a.png", content))
    assert result.response is not None and result.response.ephemeral and word in result.response.content
    assert not world.job_service.asks


async def test_describe_gives_captions_that_can_be_imagined(world: World) -> None:
    await world.ada.slash(world.channel, "describe", image=("a.png", png()))
    await world.job_service.done()
    world.jobs.change("job0000001", captions=("a red square", "a blood moon --ar 3:2"))
    shown = await world.ada.slash(world.channel, "show", job="job0000001")
    assert shown.response is not None and "2. a blood moon" in shown.response.content
    assert labels(shown.response.message) == ["Imagine 1", "Imagine 2"]

    await world.bo.click(shown.response, label="Imagine 2")
    await world.job_service.done()

    options = world.job_service.asks[-1].spec.options
    assert (options.prompt, options.aspect) == ("a blood moon", (3, 2))


async def test_a_style_is_chosen_from_thumbnails(world: World, tmp_path: Path) -> None:
    sample = tmp_path / "oil.png"
    sample.write_bytes(png("blue"))
    styles = {"oil": StyleSettings(description="thick paint", thumbnail=sample, steps=30), "ink": StyleSettings()}
    world.settings = world.settings.model_copy(update={"styles": styles})
    await world.restart()

    page = await world.ada.slash(world.channel, "style list")
    assert page.response is not None and page.response.ephemeral and "thick paint" in page.response.content
    assert page.response.attachments[0].description == "Samples, left to right, top to bottom: oil"
    shown = await world.ada.select(page.response, ["oil"])
    await world.ada.submit_modal(shown, {"prompt": "a harbour"})
    await world.job_service.done()

    options = world.job_service.asks[0].spec.options
    assert (options.prompt, options.style) == ("a harbour", "oil")
    one = await world.ada.slash(world.channel, "style show", name="oil")
    assert one.response is not None and "Steps: 30" in one.response.content
    assert [choice["value"] for choice in await world.ada.autocomplete(world.channel, "style show", "name", "i")] == [
        "ink", "oil",
    ]  # fmt: skip


async def test_without_styles_that_is_said(world: World) -> None:
    page = await world.ada.slash(world.channel, "style list")
    assert page.response is not None and "No styles" in page.response.content
    unknown = await world.ada.slash(world.channel, "style show", name="oil")
    assert unknown.response is not None and unknown.response.ephemeral


async def test_lineage_draws_the_family(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    await world.bo.click(world.messages[-1], label="V2")
    await world.job_service.done()

    tree = await world.ada.slash(world.channel, "lineage", job="job0000002")

    assert tree.response is not None
    [file] = tree.response.attachments
    assert file.description == "imagined by ada, a fox; > variations by bo, from picture 2, a fox"


async def test_lineage_hides_channels_the_asker_does_not_see(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    hidden, shown = discord.PermissionOverwrite(view_channel=False), discord.PermissionOverwrite(view_channel=True)
    staff = world.guild.create_text_channel(
        "staff", overwrites={world.guild.default_role: hidden, world.ada: shown, world.env.bot.user: shown}
    )
    await world.members.prefer(world.ada.id, Preferences(remix=True))
    again = await world.ada.slash(staff, "show", job="job0000001")
    assert again.response is not None
    form = await world.ada.click(again.response, label="V2")
    await world.ada.submit_modal(form, {"prompt": "a secret fox"})
    await world.ada.user.slash("imagine", prompt="a private fox")
    await world.job_service.done()
    world.jobs.change("job0000003", parent_id="job0000001")

    theirs = await world.bo.slash(world.channel, "lineage", job="job0000001")
    hers = await world.ada.slash(world.channel, "lineage", job="job0000001")

    assert theirs.response is not None and hers.response is not None
    rows = "imagined by ada, a fox; > variations{}; > imagined"
    assert theirs.response.attachments[0].description == rows.format(", from picture 2")
    assert hers.response.attachments[0].description == rows.format(" by ada, from picture 2, a secret fox")


async def test_a_family_tree_too_large_for_discord_is_sent_smaller(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    world.env.inject_error("POST", "/interactions/*", status=413, code=40005)
    tree = await world.ada.slash(world.channel, "lineage", job="job0000001")
    assert tree.response is not None and tree.response.attachments
    assert not world.env.backend.faults, "it was refused once"


async def upload(world: World, content: bytes):
    return await world.ada.send(world.channel, "look", attachments=[("a.png", content)])


async def test_menus_work_on_what_one_has_posted(world: World) -> None:
    message = await upload(world, png("red"))
    await world.ada.context_menu(world.channel, "Darkroom: upscale", message)
    await world.ada.context_menu(world.channel, "Darkroom: describe", message)
    shown = await world.ada.context_menu(world.channel, "Darkroom: vary", message)
    await world.ada.submit_modal(shown, {"prompt": "a red square"})
    await world.job_service.done()

    verbs = [ask.spec.verb for ask in world.job_service.asks]
    assert verbs == [Verb.UPSCALE_SUBTLE, Verb.DESCRIBE, Verb.VARY_STRONG]
    assert len({ask.spec.images for ask in world.job_service.asks}) == 1 and world.job_service.asks[0].spec.count == 1


async def test_menus_work_on_what_phones_send(world: World) -> None:
    """Discord names no type for a file whose name its sender's computer does not know."""
    content = encoded(Image.new("RGB", (64, 48), "red"), "HEIF")
    message = await world.bo.send(world.channel, "look", attachments=[("IMG_0042.HEIC", content)])
    await world.ada.context_menu(world.channel, "Darkroom: describe", message)
    await world.job_service.done()
    assert [ask.spec.verb for ask in world.job_service.asks] == [Verb.DESCRIBE] and world.job_service.asks[
        0
    ].spec.images


async def test_menus_work_on_a_forwarded_picture(world: World) -> None:
    original = await upload(world, png("red"))
    reference = {"type": 1, "message_id": str(original.id), "channel_id": str(world.channel.id)}
    world.env.backend.create_message(world.channel.id, world.bo.id, reference=reference)
    await world.ada.context_menu(world.channel, "Darkroom: describe", world.channel.history()[-1])
    await world.job_service.done()
    assert [ask.spec.verb for ask in world.job_service.asks] == [Verb.DESCRIBE] and world.job_service.asks[
        0
    ].spec.images


async def test_menus_on_our_own_pictures_know_the_cell(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    grid = world.messages[-1]
    post = (await world.ada.click(grid, label="U3")).response
    assert post is not None

    refused = await world.bo.context_menu(world.channel, "Darkroom: upscale", grid)
    await world.bo.context_menu(world.channel, "Darkroom: upscale", post)
    await world.job_service.done()

    assert refused.response is not None and "U1 to U4" in refused.response.content
    assert world.job_service.asks[-1].spec.source == CellRef(job_id="job0000001", cell=2)
    await world.members.prefer(world.ada.id, Preferences(share="me"))
    denied = await world.bo.context_menu(world.channel, "Darkroom: vary", post)
    assert denied.response is not None and denied.response.ephemeral


async def test_what_has_no_words_asks_for_them_before_it_is_varied(world: World) -> None:
    await world.ada.context_menu(world.channel, "Darkroom: upscale", await upload(world, png("red")))
    await world.job_service.done()
    larger = world.messages[-1]

    by_menu = await world.bo.context_menu(world.channel, "Darkroom: vary", larger)
    by_button = await world.bo.click(larger, label="Vary (strong)")
    assert by_menu.modal is not None and by_button.modal is not None and len(world.job_service.asks) == 1
    await world.bo.submit_modal(by_button, {"prompt": "a red square"})
    await world.bo.context_menu(world.channel, "Darkroom: describe", larger)
    await world.job_service.done()

    asked = [(ask.spec.verb, ask.spec.options.prompt) for ask in world.job_service.asks[1:]]
    assert asked == [(Verb.VARY_STRONG, "a red square"), (Verb.DESCRIBE, "")]


async def test_a_blend_without_words_is_zoomed_once_it_has_some(world: World) -> None:
    await world.ada.slash(world.channel, "blend", first=("a.png", png("red")), second=("b.png", png("blue")))
    await world.job_service.done()
    post = (await world.ada.click(world.messages[-1], label="U2")).response
    assert post is not None
    for label in ("Zoom out 2x", "Vary (subtle)"):
        shown = await world.ada.click(post, label=label)
        await world.ada.submit_modal(shown, {"prompt": "purple"})
    await world.ada.click(world.messages[0], custom_id="dr:r:job0000001:0")
    await world.job_service.done()
    assert [(ask.spec.verb, ask.spec.zoom) for ask in world.job_service.asks[1:]] == [
        (Verb.ZOOM, 2.0),
        (Verb.VARY_SUBTLE, 1.0),
        (Verb.BLEND, 1.0),
    ]


async def test_the_menu_varies_as_the_button_does(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox --iw 3", image=("a.png", png("red")))
    await world.job_service.done()
    post = (await world.ada.click(world.messages[-1], label="U1")).response
    assert post is not None
    await world.ada.context_menu(world.channel, "Darkroom: vary", post)
    await world.ada.click(post, label="Vary (strong)")
    await world.job_service.done()
    by_menu, by_button = (ask.spec.model_copy(update={"seed": 0}) for ask in world.job_service.asks[1:])
    assert by_menu == by_button and by_menu.options.image_weight is None


async def test_menus_need_a_picture(world: World) -> None:
    message = await world.bo.send(world.channel, "only words https://example.com/a.png")
    for name in ("Darkroom: vary", "Darkroom: upscale"):
        result = await world.ada.context_menu(world.channel, name, message)
        assert result.response is not None and "no uploaded picture" in result.response.content


async def test_menus_on_a_reply_without_a_result_say_so(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    world.jobs.kept.clear()
    result = await world.ada.context_menu(world.channel, "Darkroom: upscale", world.messages[-1])
    assert result.response is not None and "no finished picture" in result.response.content


async def test_forms_of_styles_and_menus_outlive_a_restart(world: World) -> None:
    world.settings = world.settings.model_copy(update={"styles": {"oil": StyleSettings()}})
    await world.restart()
    page = await world.ada.slash(world.channel, "style list")
    assert page.response is not None
    style = await world.ada.select(page.response, ["oil"])
    message = await upload(world, png("red"))
    menu = await world.ada.context_menu(world.channel, "Darkroom: vary", message)
    await world.restart()

    await world.ada.submit_modal(style, {"prompt": "a harbour"})
    await world.ada.submit_modal(menu, {"prompt": "a red square"})
    await world.job_service.done()

    styled, varied = (ask.spec for ask in world.job_service.asks)
    assert (styled.options.style, varied.options.prompt) == ("oil", "a red square") and varied.images


async def test_a_menu_whose_message_is_gone_says_so(world: World) -> None:
    message = await upload(world, png("red"))
    menu = await world.ada.context_menu(world.channel, "Darkroom: vary", message)
    await world.restart()
    await message.delete()
    answer = (await world.ada.submit_modal(menu, {"prompt": "a red square"})).response
    assert answer is not None and answer.ephemeral and "use the menu again" in answer.content
    assert not world.job_service.asks


async def test_a_style_picture_goes_with_all_drawn_from_the_result(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox", style_image=("a.png", png("red")))
    await world.job_service.done()
    post = (await world.ada.click(world.messages[-1], label="U1")).response
    assert post is not None
    for button in ("Vary (strong)", "Zoom out 2x", "Upscale (subtle)"):
        await world.ada.click(post, label=button)
    await world.job_service.done()

    first, varied, zoomed, larger = (ask.spec for ask in world.job_service.asks)
    assert first.style_image is not None and first.style_image.startswith("uploads/") and not first.images
    assert varied.style_image == zoomed.style_image == first.style_image and larger.style_image is None


async def test_a_style_given_as_a_link_is_explained(world: World) -> None:
    asked = await world.ada.slash(world.channel, "imagine", prompt="a fox --sref https://example.com/x")
    assert asked.response is not None and asked.response.ephemeral and "upload that picture" in asked.response.content
    assert "style\\_image" in asked.response.content
