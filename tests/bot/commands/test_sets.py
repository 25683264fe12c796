"""Option sets of members and defaults of channels: saved, used, refused, and weaker than what a prompt says."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.model import Options
from engine import LoRACard
from engine.settings import LoRASettings
from tests.bot.court import Court, said


def lora_card(name: str, refusal: str = "") -> LoRACard:
    return LoRACard(name, LoRASettings(path=f"{name}.safetensors"), refusal=refusal)


async def asked(court: Court, prompt: str) -> Options:
    job = await court.imagine(court.ada, prompt)
    return job.spec.options


async def test_a_set_fills_what_the_prompt_leaves_open(court: Court) -> None:
    await court.say(court.ada, "settings", suffix="in oil --steps 9 --cfg 3", aspect="1:1")
    saved = await court.say(court.ada, "set save", name="Wide", options="on film --ar 3:2 --steps 12")
    assert "wide" in saved and "--ar 3:2" in saved

    wide = await asked(court, "a fox --set WIDE")
    assert (wide.prompt, wide.aspect, wide.steps, wide.guidance) == ("a fox on film in oil", (3, 2), 12, 3)
    narrow = await asked(court, "a fox --set wide --ar 2:3")
    assert narrow.aspect == (2, 3)
    assert "--set" not in court.messages[-1].content and "--ar 2:3" in court.messages[-1].content


async def test_sets_are_listed_completed_replaced_and_deleted(court: Court) -> None:
    await court.say(court.ada, "set save", name="a", options="--ar 3:2")
    await court.say(court.ada, "set save", name="b", options="**bold** @everyone")
    await court.say(court.ada, "set save", name="a", options="--ar 2:3")
    await court.restart()
    listed = await court.say(court.ada, "set list")
    assert "--ar 2:3" in listed and "3:2" not in listed and r"\*\*bold\*\*" in listed and "@everyone" not in listed
    choices = await court.ada.autocomplete(court.channel, "set delete", "name", "")
    assert [choice["value"] for choice in choices] == ["a", "b"]
    assert "a" in await court.say(court.ada, "set delete", name="A")
    assert "--ar" not in await court.say(court.ada, "set list")
    assert "no sets" in await court.say(court.bo, "set list")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("../etc", "--ar 3:2"),
        ("a b", "--ar 3:2"),
        ("a", "--arr 3:2"),
        ("a", "--ar 3 to 2"),
        ("a", "a {red, blue} fox"),
        ("a", "--set b"),
        ("a", "https://example.org/a.png"),
        ("a", "--style"),
    ],
)
async def test_a_wrong_set_is_refused_and_none_is_kept(court: Court, name: str, options: str) -> None:
    refused = await court.say(court.ada, "set save", name=name, options=options)
    assert "✅" not in refused
    assert "no sets" in await court.say(court.ada, "set list")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ("--model nonsense", "no model named `nonsense`"), ("--style mist", "known: none"), ("--lora mist", "mist"),
        ("--lora broken", "cannot be read"), ("--sw 200", "no model here follows style pictures"),
        ("--ct edges", "no model here follows control pictures of edges"), ("--cw 1", "follows control pictures"),
        ("--ct depth", "nothing is set up here that sees depth"),
    ],
)  # fmt: skip
async def test_what_nothing_here_could_follow_is_not_kept(court: Court, options: str, word: str) -> None:
    court.switch.followers = ()
    court.switch.cards = (lora_card("broken", refusal="cannot be read"), lora_card("ink"))
    for command, what in (("set save", {"name": "a", "options": options}), ("settings", {"suffix": options})):
        refused = await court.say(court.ada, command, **what)
        assert "✅" not in refused and "Suffix" not in refused
        assert word in refused.replace("\\", "") or command == "settings"
    assert "no sets" in await court.say(court.ada, "set list")
    assert (await court.client.services.members.preferences(court.ada.id)).suffix == ""
    assert "✅" in await court.say(court.ada, "set save", name="a", options="--lora ink")


async def test_the_model_of_a_set_must_follow_what_it_is_about(court: Court) -> None:
    court.switch.followers = ("sdxl",)
    refused = await court.say(court.ada, "set save", name="a", options="--model pocket --ct edges")
    assert "pocket follows no control pictures of edges; choose sdxl" in refused
    assert "✅" in await court.say(court.ada, "set save", name="a", options="--model sdxl --ct edges --sw 200")


@pytest.mark.parametrize("suffix", ["--iw 1", "--ct edges", "--cw 1", "--sw 200"])
async def test_what_plain_prompts_could_not_have_is_no_suffix(court: Court, suffix: str) -> None:
    assert "every prompt without one would be refused" in await court.say(court.ada, "settings", suffix=suffix)
    await court.imagine(court.ada)


async def test_a_default_model_that_needs_a_picture_is_told(court: Court) -> None:
    court.switch.needs = {"sdxl": "picture"}
    told = await court.say(court.ada, "settings", model="sdxl")
    assert "Model: **sdxl**" in told and "draws only from a picture" in told
    assert "⚠️" not in await court.say(court.ada, "settings", model="pocket")


async def test_limits_and_defaults_of_a_channel_go_together(court: Court) -> None:
    court.switch.followers = ()

    async def mod(command: str, **what: object) -> str:
        return await court.say(court.mo, f"mod channel {command}", channel=court.channel, **what)

    for options in ("--ct edges", "--lora mist", "--relax"):
        if options == "--relax":
            await court.say(court.mo, "mod relax", enabled=False)
        assert "✅" not in await mod("defaults", options=options)
    await court.say(court.mo, "mod relax", enabled=True)
    assert "✅" in await mod("defaults", options="--model sdxl --steps 9 --relax")
    assert "the models here are pocket" in await mod("limits", models="pocket")
    assert "at most 5 steps" in await mod("limits", max_steps=5)
    assert f"<#{court.channel.id}>: prompts have" in await court.say(court.mo, "mod relax", enabled=False)
    await mod("defaults", remove=True)
    told = await mod("limits", max_steps=1, max_side=64)
    assert "✅" in told and "takes 2 steps by itself" in told and "so small" not in told


async def test_an_unknown_set_is_said_and_costs_nothing(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=40.0)
    await court.say(court.ada, "set save", name="wide", options="--ar 3:2")
    refused = said(await court.ada.slash(court.channel, "imagine", prompt="a fox --set wild"))
    assert "--set wild" in refused and "wide" in refused
    assert "you have none" in said(await court.bo.slash(court.channel, "imagine", prompt="a fox --set wide"))
    assert "0 of 40 pictures" in await court.say(court.ada, "info me")


async def test_the_twenty_sixth_set_is_refused(court: Court) -> None:
    for number in range(25):
        await court.say(court.ada, "set save", name=f"s{number}", options="--ar 3:2")
    assert "25" in await court.say(court.ada, "set save", name="s25", options="--ar 3:2")
    assert len((await court.say(court.ada, "set list")).splitlines()) == 25


async def test_sets_and_settings_saved_at_once_are_all_kept(court: Court) -> None:
    saving = (court.client.services.members.change(court.ada.id, change) for change in _changes())
    await asyncio.gather(*saving)
    kept = await court.client.services.members.preferences(court.ada.id)
    assert kept.remix and kept.notify and dict(kept.sets) == {"a": "--ar 3:2"}


def _changes():
    yield lambda before: before.model_copy(update={"sets": (("a", "--ar 3:2"),)})
    yield lambda before: before.model_copy(update={"remix": True})
    yield lambda before: before.model_copy(update={"notify": True})


async def test_a_set_works_in_a_remix_too(court: Court) -> None:
    await court.say(court.ada, "set save", name="wide", options="--ar 3:2")
    await court.say(court.ada, "settings", remix=True)
    await court.imagine(court.ada)
    form = await court.ada.click(court.messages[-1], label="V1")
    await court.ada.submit_modal(form, {"prompt": "a hen --set wide"})
    assert (await court.draw()).spec.options.aspect == (3, 2)


async def test_a_channel_has_defaults_below_the_prompt(court: Court) -> None:
    await court.say(court.ada, "settings", aspect="1:1", suffix="--steps 9")
    told = await court.say(court.mo, "mod channel defaults", channel=court.channel, options="--ar 3:2 --cfg 3")
    assert "--ar 3:2 --cfg 3" in told
    here = await asked(court, "a fox")
    assert (here.aspect, here.guidance, here.steps) == ((3, 2), 3, 9)
    assert (await asked(court, "a fox --ar 2:3")).aspect == (2, 3)
    assert "--cfg 3" in await court.say(court.mo, "mod channel list")
    assert (await court.newest()).action == "channel defaults"

    await court.say(court.mo, "mod channel defaults", channel=court.channel, remove=True)
    assert (await asked(court, "a fox")).aspect == (1, 1)


@pytest.mark.parametrize(
    "options",
    ["in oil", "--seed 7", "--repeat 2", "--iw 1", "--model nonsense", "--style none", "--arr 3:2", "--draft"],
)
async def test_wrong_defaults_of_a_channel_are_refused(court: Court, options: str) -> None:
    assert "✅" not in await court.say(court.mo, "mod channel defaults", channel=court.channel, options=options)
    assert (await court.rules()).channels == ()


async def test_only_moderators_set_a_channels_defaults(court: Court) -> None:
    await court.allow("mod", court.ada)
    await court.say(court.ada, "mod channel defaults", channel=court.channel, options="--ar 3:2")
    assert (await court.rules()).channels == () and not (await court.newest()).done
