"""*Use as emoji / sticker*: who may, what is said before, what Discord gets, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import discord
import pytest
from discord.ui import Button, View
from PIL import Image

from bot.domain.model import MOST_BYTES, SIDES, ExpressionKind, Preferences, Slots, expression_name, proposed_name
from bot.errors import BadOption
from bot.ui.content.custom_ids import Act, ButtonId
from bot.ui.content.error_texts import words
from bot.ui.pictures.expressions import expression_png
from tests.bot.world import World, labels
from tests.picture_files import encoded

LABEL = "Use as emoji / sticker"


async def _picture(world: World, *, by: Any = None) -> Any:
    await world.ada.slash(world.channel, "imagine", prompt="a red fox in deep snow")
    await world.job_service.done()
    post = (await (by or world.bo).click(world.messages[-1], label="U2")).response
    assert post is not None and LABEL in labels(post.message)
    return post


def _artist(world: World) -> Any:
    """Somebody who may add emojis and stickers."""
    role = world.guild.create_role("artists", permissions=discord.Permissions(create_expressions=True))
    return world.guild.add_member(world.env.create_user("cy"), roles=[role])


def _backend(world: World) -> Any:
    return world.env.backend.get_guild(world.guild.id)


async def test_an_emoji_and_a_sticker_are_added_under_a_name(world: World) -> None:
    post, cy = await _picture(world), _artist(world)
    form = await cy.click(post, label=LABEL)
    assert form.modal is not None
    assert "red_fox_in" in str(form.modal) and "0 of 50" in str(form.modal) and "0 of 5 " in str(form.modal)
    emoji = await cy.submit_modal(form, {"prompt": "my fox", "kind": "emoji"})
    assert (
        emoji.response is not None and emoji.response.ephemeral and "is there. 1 of 50 emojis" in emoji.response.content
    )
    again = await cy.click(post, label=LABEL)
    assert "1 of 50" in str(again.modal)
    sticker = await cy.submit_modal(again, {"prompt": "my fox", "kind": "sticker"})
    assert sticker.response is not None and "1 of 5 stickers" in sticker.response.content
    guild = _backend(world)
    assert [each.name for each in guild.emojis.values()] == ["my_fox"]
    [made] = guild.stickers.values()
    assert (made.name, made.format_type) == ("my fox", 1)


async def test_a_form_left_open_over_a_restart_still_adds(world: World) -> None:
    post, cy = await _picture(world), _artist(world)
    form = await cy.click(post, label=LABEL)
    await world.restart()
    await cy.submit_modal(form, {"prompt": "fox", "kind": "emoji"})
    assert len(_backend(world).emojis) == 1


async def test_who_may_not_add_is_told_what_it_needs(world: World) -> None:
    refused = (await world.ada.click(await _picture(world), label=LABEL)).response
    assert refused is not None and refused.ephemeral and "Create Expressions" in refused.content


async def test_an_owner_who_says_no_is_obeyed(world: World) -> None:
    post, cy = await _picture(world), _artist(world)
    form = await cy.click(post, label=LABEL)
    await world.members.prefer(world.ada.id, Preferences(share="me"))
    for refused in (await cy.click(post, label=LABEL), await cy.submit_modal(form, {"prompt": "fox", "kind": "emoji"})):
        assert refused.response is not None and "to themselves" in refused.response.content
    assert not _backend(world).emojis


async def test_a_server_with_none_free_says_what_would_work(world: World) -> None:
    post, cy = await _picture(world), _artist(world)
    for number in range(5):
        world.env.backend.create_sticker(world.guild.id, f"old{number}", world.ada.id, tags="x", format_type=1)
    form = await cy.click(post, label=LABEL)
    assert "5 of 5 are used, none is free" in str(form.modal)
    refused = await cy.submit_modal(form, {"prompt": "fox", "kind": "sticker"})
    assert refused.response is not None and refused.response.ephemeral
    assert "All 5 stickers" in refused.response.content and "level 1, which allows 15" in refused.response.content
    for number in range(50):
        world.env.backend.create_emoji(world.guild.id, f"old{number}", world.ada.id)
    full = await cy.click(post, label=LABEL)
    assert full.modal is None and full.response is not None and "All 50 emojis" in full.response.content


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (400, 30008, "All 50 emojis"),
        (403, 50013, "I lack **Create Expressions** on this server"),
        (400, 50035, "Discord did not take it"),
        (500, 0, "try again later"),
        (429, 0, "try again later"),
    ],
)
async def test_what_discord_refuses_is_said(world: World, status: int, code: int, says: str) -> None:
    post, cy = await _picture(world), _artist(world)
    form = await cy.click(post, label=LABEL)
    world.env.inject_error("POST", "/guilds/*/emojis", status=status, code=code, message="no", times=None)
    refused = await cy.submit_modal(form, {"prompt": "fox", "kind": "emoji"})
    assert refused.response is not None and refused.response.ephemeral and says in refused.response.content


async def test_a_name_that_discord_would_refuse_is_explained(world: World) -> None:
    post, cy = await _picture(world), _artist(world)
    form = await cy.click(post, label=LABEL)
    refused = await cy.submit_modal(form, {"prompt": "füchslein", "kind": "emoji"})
    assert refused.response is not None and "letters A to Z" in refused.response.content
    assert not _backend(world).emojis


async def test_direct_messages_offer_no_emoji(world: World) -> None:
    asked = (await world.ada.user.slash("imagine", prompt="a fox")).response
    await world.job_service.done()
    assert asked is not None
    post = (await world.ada.user.click(asked, custom_id="dr:u:job0000001:0")).response
    assert post is not None and "Edit" in labels(post.message) and LABEL not in labels(post.message)
    view = View(timeout=None)
    view.add_item(Button(custom_id=str(ButtonId(Act.EXPRESSION, "job0000001")), label="forged"))
    view.stop()
    user = await world.bot.fetch_user(world.ada.id)
    message = await user.send("here", view=view)
    refused = (await world.ada.user.click(message, label="forged")).response
    assert refused is not None and "belong to a server" in refused.content


def test_names_are_made_right_or_refused() -> None:
    assert expression_name(ExpressionKind.EMOJI, " :red  fox-2: ") == "red_fox_2"
    assert expression_name(ExpressionKind.STICKER, "  ein   Füchslein ") == "ein Füchslein"
    for kind, wrong in (
        (ExpressionKind.EMOJI, "x"),
        (ExpressionKind.STICKER, "x" * 31),
        (ExpressionKind.EMOJI, "狐狐"),
    ):
        with pytest.raises(BadOption):
            expression_name(kind, wrong)
    assert proposed_name("A red fox, in the deep snow") == "red_fox_in"
    assert proposed_name("狐") == "" and proposed_name("") == ""
    assert expression_name(ExpressionKind.EMOJI, proposed_name("x" * 99)) == "x" * 30


def test_the_next_boost_level_is_named() -> None:
    at = {
        level: Slots(kind=ExpressionKind.EMOJI, used=limit, limit=limit) for level, limit in enumerate((50, 200, 250))
    }
    assert "level 1, which allows 100" in words(at[0].full())
    assert "level 3, which allows 250" in words(at[1].full())
    assert "boost" not in words(at[2].full())


@pytest.mark.parametrize("kind", ExpressionKind)
def test_a_picture_is_cut_to_size_without_its_recipe(kind: ExpressionKind) -> None:
    noise = Image.effect_noise((640, 480), 90).convert("RGB")
    cut = expression_png(encoded(noise, "PNG"), SIDES[kind])
    opened = Image.open(io.BytesIO(cut))
    assert opened.size == (SIDES[kind],) * 2 and opened.mode == "RGB" and not opened.info
    assert len(cut) <= MOST_BYTES[kind]


def test_what_is_cut_out_is_shown_whole() -> None:
    picture = Image.new("RGBA", (300, 200))
    picture.paste((255, 0, 0, 255), (10, 20, 110, 60))
    opened = Image.open(io.BytesIO(expression_png(encoded(picture, "PNG"), 128)))
    alpha = opened.getchannel("A")
    assert opened.mode == "RGBA" and opened.size == (128, 128)
    assert alpha.getpixel((64, 64)) == 255 and alpha.getpixel((64, 4)) == 0
    left, top, right, bottom = alpha.point([0] * 128 + [255] * 128).getbbox() or (0, 0, 0, 0)
    assert (left, right) == (0, 128) and abs((bottom - top) - 51) <= 2
