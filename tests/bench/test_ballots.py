"""How long a vote takes to be confirmed with 40 members voting: on SimCord one by one, in the store at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import timedelta
from pathlib import Path

import pytest

from bot.commands.buttons.round_buttons import RoundButton
from bot.ui.interactions.answer import Answer
from tests.bot.court import Court

pytestmark = pytest.mark.bench
VOTERS, ROUNDS = 40, 5


async def test_confirmation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    court = Court(tmp_path)
    await court.start()
    await court.imagine(court.ada)
    pressed = await court.ada.click(court.channel.history()[0], label="Let the group decide")
    paper = court.message(pressed.response.id)
    voters = [court.guild.add_member(court.env.create_user(f"voter{number}")) for number in range(VOTERS)]
    began: dict[int, float] = {}
    took: list[float] = []
    callback, private = RoundButton.callback, Answer.private

    async def timed(button: RoundButton, interaction) -> None:
        began[interaction.id] = time.perf_counter()
        await callback(button, interaction)

    async def confirmed(answer: Answer, text: str, **how) -> int | None:
        said = await private(answer, text, **how)
        took.append(time.perf_counter() - began[answer._interaction.id])
        return said

    monkeypatch.setattr(RoundButton, "callback", timed)
    monkeypatch.setattr(Answer, "private", confirmed)
    for times in range(ROUNDS):
        for number, voter in enumerate(voters):
            await voter.click(paper, label="ABCD"[(number + times) % 4])
    [opened] = await court.round_store.due(court.now() + timedelta(days=1))
    at_once: list[float] = []

    async def vote(member_id: int, slot: int) -> None:
        start = time.perf_counter()
        await court.rounds.vote(opened.id, member_id, slot)
        at_once.append(time.perf_counter() - start)

    for times in range(ROUNDS):
        await asyncio.gather(*(vote(voter.id, (number + times) % 4) for number, voter in enumerate(voters)))
    assert len(took) == len(at_once) == VOTERS * ROUNDS
    with capsys.disabled():
        for name, times_s in (("press to confirmation", took), ("ballot, 40 at once", at_once)):
            points = [1e3 * point for point in statistics.quantiles(times_s, n=100)]
            print(f"\n{name}: p50 {points[49]:.1f} ms, p95 {points[94]:.1f} ms", end="")
    await court.stop()
