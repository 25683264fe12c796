"""Word rules look at everything that steers a picture, wherever the words come from, and cost nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bot.court import Court, said
from tests.bot.scripted import png


async def with_rule(court: Court) -> None:
    await court.say(court.mo, "mod words add", pattern="crocodile", label="no crocodiles")
    await court.say(court.mo, "quota set", window="day", amount=40.0)


@pytest.mark.parametrize(
    "prompt",
    [
        "a crocodile",
        "A CROCODILE!",
        "a cr0c0d1le",
        "a c r o c o d i l e",
        "a cro\u200bco\u00addile",
        "a сrосоdilе",  # Cyrillic look-alikes
        "a 𝓬𝓻𝓸𝓬𝓸𝓭𝓲𝓵𝓮",
        "a lake::2 crocodile::0.5",
        "a fox, crocodile --ar 3:2",
        "a fox --guidance 0.5 --no crocodile",
    ],
)
async def test_however_it_is_written(court: Court, prompt: str) -> None:
    await with_rule(court)
    refused = said(await court.ada.slash(court.channel, "imagine", prompt=prompt))
    assert "no crocodiles" in refused and "crocodile" not in refused.replace("no crocodiles", "")
    assert "0 of 40 pictures" in await court.say(court.ada, "info me")


@pytest.mark.parametrize("prompt", ["crocodilian scales", "a lake --no crocodile", "a lake::1 crocodile::-0.5"])
async def test_what_only_holds_the_word_or_wants_it_away_passes(court: Court, prompt: str) -> None:
    await with_rule(court)
    await court.imagine(court.ada, prompt)


async def test_a_suffix_a_blend_and_a_remix_are_looked_at_too(court: Court) -> None:
    await with_rule(court)
    await court.imagine(court.ada)
    await court.say(court.ada, "settings", suffix="beside a crocodile", remix=True)
    assert "no crocodiles" in said(await court.ada.slash(court.channel, "imagine", prompt="a fox"))
    await court.say(court.ada, "settings", suffix="none")
    pictures: dict[str, Any] = {"first": ("a.png", png("red")), "second": ("b.png", png("blue"))}
    blended = await court.ada.slash(court.channel, "blend", prompt="with a crocodile", **pictures)
    assert "no crocodiles" in said(blended)
    asked = await court.ada.click(court.messages[-1], label="V1")
    assert "no crocodiles" in said(await court.ada.submit_modal(asked, {"prompt": "a crocodile"}))
    assert "4 of 40 pictures" in await court.say(court.ada, "info me")
