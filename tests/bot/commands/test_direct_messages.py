"""In direct messages the host's rules hold, and members see them like a server's."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.direct_rules import direct_rules
from bot.settings import DirectMessageSettings
from tests.bot.court import Court, said


@pytest.fixture
async def court(tmp_path: Path):
    opened = Court(tmp_path, direct_rules(DirectMessageSettings(limits=("4 pictures a day",), words=("crocodile",))))
    await opened.start()
    yield opened
    await opened.stop()
    assert not opened.env.errors


async def test_the_hosts_limit_is_met_and_shown(court: Court) -> None:
    ada = court.ada.user
    refused = said(await ada.slash("imagine", prompt="a crocodile"))
    assert "word list, no. 1" in refused
    asked = await ada.slash("imagine", prompt="a fox")
    assert asked.response is not None and not asked.response.ephemeral
    await court.draw()
    assert "4 of 4 pictures today" in said(await ada.slash("info me"))
    assert "4 of 4 are used" in said(await ada.slash("imagine", prompt="a fox"))
    await court.imagine(court.ada)  # the server has rules of its own


async def test_a_host_that_allows_none_says_why(court: Court) -> None:
    court.direct = direct_rules(DirectMessageSettings(allowed=False))
    await court.restart()
    refused = said(await court.ada.user.slash("imagine", prompt="a fox"))
    assert refused == "The queue is paused: pictures are made on servers only"
    await court.imagine(court.ada)


async def test_moderators_commands_are_not_there(court: Court) -> None:
    offered = {name.split()[0] for name in court.mo.user.available_commands()}
    assert "imagine" in offered and not {"quota", "mod", "stats"} & offered
