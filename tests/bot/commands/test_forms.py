"""`/draw` and `/settings` without options open forms, filled with what was chosen before."""

from __future__ import annotations

from typing import Any

from bot.domain.model import Preferences
from bot.domain.moderation.guild_rules import GuildRules
from bot.settings import StyleSettings
from tests.bot.scripted import png
from tests.bot.world import World, labels


def menus(result: Any) -> dict[str, list[str]]:
    """The chosen values of each menu of an open form."""
    fields = [label["component"] for label in result.modal["components"]]
    return {
        field["custom_id"]: [option["value"] for option in field["options"] if option.get("default")]
        for field in fields
        if "options" in field
    }


async def styled(world: World) -> None:
    world.settings = world.settings.model_copy(update={"styles": {"oil": StyleSettings(), "ink": StyleSettings()}})
    await world.restart()


async def test_the_form_draws_and_is_filled_with_the_last_choice(world: World) -> None:
    await styled(world)
    form = await world.ada.slash(world.channel, "draw")
    assert form.modal is not None and len(form.modal["components"]) == 5
    assert menus(form) == {"model": [], "shape": [], "look": []}
    filled = {"prompt": "a fox --steps 9", "model": ["sdxl"], "shape": ["shape:3:2"], "look": ["style:oil"]}
    await world.ada.submit_modal(form, filled)
    await world.job_service.done()
    options = world.job_service.asks[0].spec.options
    assert (options.prompt, options.model, options.aspect, options.style) == ("a fox", "sdxl", (3, 2), "oil")
    assert options.steps == 9

    await world.restart()
    again = await world.ada.slash(world.channel, "draw")
    assert menus(again) == {"model": ["sdxl"], "shape": ["shape:3:2"], "look": ["style:oil"]}
    other = await world.bo.slash(world.channel, "draw")
    assert menus(other)["model"] == []


async def test_a_form_that_was_open_over_a_restart_is_read(world: World) -> None:
    form = await world.ada.slash(world.channel, "draw")
    await world.restart()
    await world.ada.submit_modal(form, {"prompt": "a fox", "shape": ["shape:2:3"]})
    await world.job_service.done()
    assert world.job_service.asks[0].spec.options.aspect == (2, 3)


async def test_a_picture_in_the_form_is_the_start(world: World) -> None:
    form = await world.ada.slash(world.channel, "draw")
    await world.ada.submit_modal(form, {"prompt": "a fox", "picture": [("a.png", png("red"))]})
    await world.job_service.done()
    assert len(world.job_service.asks[0].spec.images) == 1


async def test_wrong_choices_are_said_and_start_nothing(world: World) -> None:
    await styled(world)
    form = await world.ada.slash(world.channel, "draw")
    two = await world.ada.submit_modal(form, {"prompt": "a fox", "look": ["style:oil", "style:ink"]})
    assert two.response is not None and "one at a time" in two.response.content
    form = await world.ada.slash(world.channel, "draw")
    wrong = await world.ada.submit_modal(form, {"prompt": "a fox --arr 3:2"})
    assert wrong.response is not None and "--ar" in wrong.response.content
    assert not world.job_service.asks and world.ada.id not in world.members.set


async def test_the_settings_form_shows_and_stores_all(world: World) -> None:
    before = Preferences(model="sdxl", aspect=(5, 4), suffix="in oil", notify=True, sets=(("a", "--ar 3:2"),))
    await world.members.prefer(world.ada.id, before)
    form = await world.ada.slash(world.channel, "settings")
    assert menus(form) == {"model": ["sdxl"], "shape": ["shape:5:4"], "switches": ["notify"], "share": []}
    filled = {
        "prompt": "in ink",
        "model": [],
        "shape": ["shape:3:2"],
        "switches": ["remix"],
        "share": ["share:me"],
    }
    told = await world.ada.submit_modal(form, filled)
    assert told.response is not None and told.response.ephemeral and "3:2" in told.response.content
    stored = world.members.set[world.ada.id]
    assert stored == before.model_copy(
        update={"suffix": "in ink", "model": None, "aspect": (3, 2), "notify": False, "remix": True, "share": "me"}
    )


async def test_an_emptied_settings_form_empties_and_a_role_stays(world: World) -> None:
    await world.members.prefer(world.ada.id, Preferences(suffix="in oil", share="role", share_role=7, remix=True))
    form = await world.ada.slash(world.channel, "settings")
    assert menus(form)["share"] == []
    await world.ada.submit_modal(form, {"prompt": "", "shape": [], "switches": [], "share": []})
    assert world.members.set[world.ada.id] == Preferences(share="role", share_role=7)


async def test_the_form_of_results_is_kept_where_it_is_unusual(world: World) -> None:
    for usual, ticked, kept in (("album", ["album"], None), ("album", [], "grid"), ("grid", ["album"], "album")):
        world.rules.set[world.guild.id] = GuildRules(guild_id=world.guild.id, results=usual)
        form = await world.ada.slash(world.channel, "settings")
        await world.ada.submit_modal(form, {"prompt": "", "shape": [], "switches": ticked, "share": []})
        assert world.members.set[world.ada.id].results == kept
    for said, kept in (("grid", "grid"), ("server", None), ("album", "album")):
        await world.ada.slash(world.channel, "settings", results=said)
        assert world.members.set[world.ada.id].results == kept


async def test_a_wrong_suffix_in_the_form_changes_nothing(world: World) -> None:
    form = await world.ada.slash(world.channel, "settings")
    told = await world.ada.submit_modal(form, {"prompt": "--stepz 3", "switches": ["remix"]})
    assert told.response is not None and "--steps" in told.response.content
    assert world.ada.id not in world.members.set


async def test_a_paste_in_the_form_is_translated_too(world: World) -> None:
    form = await world.ada.slash(world.channel, "draw")
    told = await world.ada.submit_modal(form, {"prompt": "a (red:1.3) fox --v 6", "shape": ["shape:3:2"]})
    assert told.response is not None and told.response.ephemeral and not world.job_service.asks
    assert labels(told.response.message) == ["Draw this", "Change"] and "--ar 3:2" in told.response.content
    again = await world.ada.slash(world.channel, "draw")
    assert menus(again)["shape"] == [], "what is refused is not remembered"
