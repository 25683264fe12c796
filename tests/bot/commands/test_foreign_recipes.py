"""A picture of another program: its recipe is shown, what is lacking is named, and it can be drawn."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.prompting.foreign_recipe import drawable
from bot.domain.prompting.prompt import parse
from engine import ForeignRecipe, LoRACard, LoRASettings
from tests.bot.scripted import png
from tests.bot.whole import last_said
from tests.bot.world import World, labels
from tests.engine import recipe_files as files


def offer(world: World, name: str) -> None:
    world.bot.services.engine.cards = (LoRACard(name, LoRASettings(path=f"{name}.safetensors")),)


def rows(embed: Any) -> dict[str, str]:
    return {field.name: field.value for field in embed.fields}


async def test_describe_shows_the_recipe_beside(world: World) -> None:
    offer(world, "ink")
    content = files.webui()["webui with a lora"].content
    result = await world.ada.slash(world.channel, "describe", image=("a.png", content))
    await world.job_service.done()
    assert len(world.job_service.asks) == 1
    card = last_said(result)
    assert card.ephemeral and card.embeds[0].title == "Recipe in this picture (stable-diffusion-webui)"
    shown = rows(card.embeds[0])
    assert (shown["Seed"], shown["Sampler"], shown["LoRAs"]) == ("5", "DPM++ 2M Karras", "ink (0.8)")
    assert shown["Not here"] == "• the model dream is not here; the default model draws"

    form = await world.ada.click(card, label="Draw this")
    asked = "a fox, snow --ar 2:3 --seed 5 --no blurry, text"
    assert form.modal is not None and "a fox, snow --ar 2:3 --seed 5" in str(form.modal)
    await world.ada.submit_modal(form, {"prompt": asked})
    await world.job_service.done()
    options = world.job_service.asks[1].spec.options
    assert (options.prompt, options.seed, options.negative) == ("a fox, snow", 5, "blurry, text")


async def test_the_menu_reads_a_picture_of_somebody(world: World) -> None:
    message = await world.bo.send(world.channel, "look", attachments=[("a.png", files.ours()["darkroom"].content)])
    told = await world.ada.context_menu(world.channel, "Darkroom: recipe", message)
    assert told.response is not None and told.response.ephemeral
    assert told.response.embeds[0].title == "Recipe in this picture (Darkroom)"
    plain = await world.bo.send(world.channel, "look", attachments=[("a.png", png())])
    none = await world.ada.context_menu(world.channel, "Darkroom: recipe", plain)
    assert none.response is not None and "carries no recipe" in none.response.content
    assert not world.job_service.asks


async def test_the_menu_knows_our_own_pictures(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    told = await world.bo.context_menu(world.channel, "Darkroom: recipe", world.messages[-1])
    assert told.response is not None and told.response.embeds[0].title == "Recipe of job0000001"
    assert "Draw this" not in labels(told.response.message)


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("a (red:1.3) fox, ((big:1.2):1.1)", "a red fox, big"),
        ("a fox <lora:ink:0.8>", "a fox"),
        ("two foxes --ar 3:2 wide", '"two foxes --ar 3:2 wide"'),
        ("cat::2 dog", '"cat::2 dog"'),
        ("an\nold\tfox", "an old fox"),
    ],
)
def test_a_foreign_prompt_is_read_back_as_it_is_meant(prompt: str, read: str) -> None:
    found = drawable(ForeignRecipe("webui", prompt, seed=5), ["pocket"], [])
    assert parse(found.text).prompt == read and parse(found.text).seed == 5


def test_what_is_out_of_reach_is_named() -> None:
    loras = (("Ink", 9.0), ("b", 1.0))
    recipe = ForeignRecipe("webui", "a fox", seed=2**40, width=4096, height=512, model="X", loras=loras)
    found = drawable(recipe, ["pocket"], ["ink"])
    assert found.text == "a fox --lora ink:4"
    assert found.lacks == (
        "the seed 1099511627776 is larger than seeds here",
        "4096 × 512 is longer than 1 to 4",
        "the model X is not here; the default model draws",
        "the LoRA b is not here",
    )
