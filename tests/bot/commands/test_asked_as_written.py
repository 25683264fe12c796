"""What is drawn is what was asked: seeds and repeats in forms, styles of long names, cards of single pictures."""

from __future__ import annotations

from bot.settings import StyleSettings
from tests.bot.world import World


async def test_a_repeat_with_a_seed_has_seeds_of_its_own(world: World) -> None:
    offer = await world.ada.slash(world.channel, "imagine", prompt="a fox --seed 7 --repeat 3")
    assert offer.response is not None
    await world.ada.click(offer.response, label="Start all")
    await world.job_service.done()
    assert [ask.spec.seed for ask in world.job_service.asks] == [7, 11, 15]


async def test_a_form_obeys_the_seed_and_the_repeat_in_it(world: World) -> None:
    await world.ada.slash(world.channel, "settings", remix=True)
    await world.ada.slash(world.channel, "imagine", prompt="a fox --seed 7")
    await world.job_service.done()
    grid = world.messages[-1]
    form = await world.ada.click(grid, label="V1")
    await world.ada.submit_modal(form, {"prompt": "a wolf --seed 5 --repeat 2"})
    await world.job_service.done()
    cell = (await world.ada.click(grid, label="U2")).response
    assert cell is not None
    form = await world.ada.click(cell, label="Custom zoom")
    await world.ada.submit_modal(form, {"prompt": "a wolf --seed 6", "zoom": "1.5"})
    await world.job_service.done()
    assert [(ask.spec.seed, ask.spec.options.seed) for ask in world.job_service.asks[1:]] == [(5, 5), (9, 9), (6, 6)]


async def test_the_card_of_a_picture_names_its_own_seed(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox --seed 7")
    await world.job_service.done()
    grid = world.messages[-1]
    third = (await world.ada.click(grid, label="U3")).response
    assert third is not None
    of_all = (await world.ada.click(grid, custom_id="dr:i:job0000001:0")).response
    of_one = (await world.ada.click(third, custom_id="dr:i:job0000001:2")).response
    assert of_all is not None and of_one is not None
    seeds = [[f.value for f in said.embeds[0].fields if "Seed" in str(f.name)] for said in (of_all, of_one)]
    assert seeds == [["7", "8, 9, 10"], ["9"]]
    assert "--seed 9" in str(of_one.embeds[0].description)


async def test_every_style_is_shown_and_names_may_begin_alike(world: World) -> None:
    names = [*(f"style number {number:02}" for number in range(29)), "x" * 110 + "a", "x" * 110 + "b"]
    styles = {name: StyleSettings(description="words about it, quite a few of them, " * 2) for name in names}
    world.settings = world.settings.model_copy(update={"styles": styles})
    await world.restart()
    page = (await world.ada.slash(world.channel, "style list")).response
    said = ""
    while page is not None:
        said += page.content
        last, page = page, None
        if any(part.get("label") == "More styles" for row in last.components for part in row["components"]):
            page = (await world.ada.click(last, label="More styles")).response
    assert all(name in said for name in names)
    options = last.components[0]["components"][0]["options"]
    form = await world.ada.select(last, [options[-1]["value"]])
    await world.ada.submit_modal(form, {"prompt": "a harbour"})
    await world.job_service.done()
    assert world.job_service.asks[0].spec.options.style == names[-1]


async def test_info_me_links_shows_and_names_what_was_done(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    told = (await world.ada.slash(world.channel, "info me")).response
    assert told is not None and told.content.startswith("No limit counts here.")
    assert told is not None and "[imagined](https://discord.com/channels/" in told.content
    assert "1." in told.content and len(told.attachments) == 1


async def test_help_names_their_commands_to_moderators_only(world: World) -> None:
    told = (await world.ada.slash(world.channel, "help")).response
    assert told is not None and "/mod words" not in told.content and not told.message.embeds
