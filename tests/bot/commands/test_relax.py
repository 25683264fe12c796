"""`--relax` and `--chaos` through the command: what is charged, refused and asked of the engine."""

from __future__ import annotations

from bot.domain.model import Verb
from tests.bot.court import Court, said


async def test_a_relaxed_job_costs_nothing_when_the_quota_is_used_up(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=4.0)
    await court.say(court.mo, "quota set", window="day", amount=2.0, unit="GPU-seconds")
    await court.imagine(court.ada)
    assert "4" in said(await court.ada.slash(court.channel, "imagine", prompt="a fox"))
    relaxed = await court.imagine(court.ada, "a fox --relax")
    assert relaxed.spec.options.relax and "--relax" in court.messages[-1].content
    told = await court.say(court.ada, "info me")
    assert "4 of 4 pictures" in told and "0.8 of 2 GPU-seconds" in told


async def test_what_is_made_from_a_relaxed_grid_is_not_relaxed(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=4.0)
    await court.imagine(court.ada, "a fox --relax")
    grid = court.messages[-1]
    await court.ada.click(grid, label="V1")
    assert not (await court.draw()).spec.options.relax
    await court.say(court.mo, "quota reset", member=court.ada)
    await court.ada.react(grid, "🔄")
    assert not (await court.draw()).spec.options.relax
    assert "4 of 4 pictures" in await court.say(court.ada, "info me")


async def test_a_cancelled_relaxed_job_costs_nothing(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=4.0)
    await court.ada.slash(court.channel, "imagine", prompt="a fox --relax")
    assert "outside of the quota" in court.messages[-1].content
    await court.ada.click(court.messages[-1], label="Cancel")
    assert "0 of 4 pictures" in await court.say(court.ada, "info me")


async def test_a_server_can_forbid_relaxing(court: Court) -> None:
    await court.say(court.mo, "mod relax", enabled=False)
    assert "switched it off" in said(await court.ada.slash(court.channel, "imagine", prompt="a fox --relax"))
    await court.say(court.mo, "mod relax", enabled=True)
    await court.say(court.mo, "quota set", window="day", amount=0.0, target=court.ada)
    assert "limit here is 0" in said(await court.ada.slash(court.channel, "imagine", prompt="a fox --relax"))
    assert not await court.jobs.active()


async def test_chaos_is_asked_of_the_engine_and_kept(court: Court) -> None:
    await court.ada.slash(court.channel, "imagine", prompt="a fox --c 60 --seed 7")
    stream = await court.engine.stream(0)
    assert stream.request.chaos == 0.6
    job = await court.draw()
    assert job.spec.options.chaos == 60 and "--chaos 60" in court.messages[-1].content
    await court.ada.click(court.messages[-1], label="V1")
    assert (await court.draw()).spec.verb is Verb.VARY_STRONG


async def test_chaos_out_of_its_range_is_refused(court: Court) -> None:
    for wrong in ("101", "-1", "many"):
        assert "0 to 100" in said(await court.ada.slash(court.channel, "imagine", prompt=f"a fox --chaos {wrong}"))


async def test_word_rules_look_at_what_single_pictures_read(court: Court) -> None:
    await court.say(court.mo, "mod words add", pattern="blood bath", label="no gore")
    await court.imagine(court.ada, "a blood orange bath --seed 1")
    refused = await court.ada.slash(court.channel, "imagine", prompt="a blood orange bath --seed 1 --chaos 100")
    seeds = range(2, 40)
    while refused.response is not None and not refused.response.ephemeral and seeds:
        await court.draw()
        prompt = f"a blood orange bath --seed {seeds[0]} --chaos 100"
        seeds, refused = seeds[1:], await court.ada.slash(court.channel, "imagine", prompt=prompt)
    assert "no gore" in said(refused)
