from __future__ import annotations

from bot.domain.model import Preferences
from bot.settings import StyleSettings
from tests.bot.scripted import png
from tests.bot.world import World


async def test_settings_are_kept_shown_and_used(world: World) -> None:
    shown = await world.ada.slash(
        world.channel, "settings", model="sdxl", aspect="3:2", suffix="--steps 12 in oil", remix=True, notify=False
    )
    assert shown.response is not None and shown.response.ephemeral
    assert "sdxl" in shown.response.content and "3:2" in shown.response.content

    await world.ada.slash(world.channel, "imagine", prompt="a fox --ar 1:1")
    await world.job_service.done()

    options = world.job_service.asks[0].spec.options
    assert (options.model, options.aspect, options.steps) == ("sdxl", (1, 1), 12)
    assert options.prompt == "a fox in oil"


async def test_settings_rank_below_a_style_and_a_picture(world: World) -> None:
    styles = {"oil": StyleSettings(model="sd-turbo"), "ink": StyleSettings()}
    world.settings = world.settings.model_copy(update={"styles": styles})
    await world.restart()
    await world.members.prefer(world.ada.id, Preferences(model="sdxl", aspect=(3, 2), suffix="--steps 12"))
    picture, other = ("a.png", png("red")), ("b.png", png("blue"))

    await world.ada.slash(world.channel, "imagine", prompt="a fox --style oil")
    await world.ada.slash(world.channel, "imagine", prompt="a fox --style ink")
    await world.ada.slash(world.channel, "imagine", prompt="a fox", image=picture)
    await world.ada.slash(world.channel, "blend", first=picture, second=other, prompt="in fog")
    message = await world.ada.send(world.channel, "look", attachments=[picture])
    form = await world.ada.context_menu(world.channel, "Darkroom: vary", message)
    await world.ada.submit_modal(form, {"prompt": "a red square"})
    page = await world.ada.slash(world.channel, "style list")
    assert page.response is not None
    form = await world.ada.select(page.response, ["ink"])
    await world.ada.submit_modal(form, {"prompt": "a harbour"})
    await world.job_service.done()

    asked = [ask.spec.options for ask in world.job_service.asks]
    assert [options.model for options in asked] == [None, "sdxl", "sdxl", "sdxl", "sdxl", "sdxl"]
    assert [options.aspect for options in asked] == [(3, 2), (3, 2), None, None, None, (3, 2)]
    assert {options.steps for options in asked} == {12}


async def test_none_empties_a_setting(world: World) -> None:
    await world.members.prefer(world.ada.id, Preferences(model="sdxl", suffix="in oil", aspect=(3, 2)))
    await world.ada.slash(world.channel, "settings", model="none", suffix="none", aspect="none")
    assert world.members.set[world.ada.id] == Preferences()


async def test_wrong_settings_change_nothing(world: World) -> None:
    for wrong in (
        {"model": "nonsense"},
        {"aspect": "3 to 2"},
        {"suffix": "--stepz 3"},
        {"share": "role"},
    ):
        result = await world.ada.slash(world.channel, "settings", remix=True, **wrong)
        assert result.response is not None and result.response.ephemeral
    assert world.ada.id not in world.members.set


async def test_model_names_complete_from_memory(world: World) -> None:
    choices = await world.ada.autocomplete(world.channel, "imagine", "model", "sd", prompt="a fox")
    assert [choice["value"] for choice in choices] == ["sd-turbo", "sdxl"]


async def test_help_is_private(world: World) -> None:
    result = await world.ada.slash(world.channel, "help")
    assert result.response is not None and result.response.ephemeral and "/imagine" in result.response.content
