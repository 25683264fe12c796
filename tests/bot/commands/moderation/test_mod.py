"""What moderators do on a server, and what members notice of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import discord
import pytest

from bot.domain.model import JobState
from bot.domain.moderation.access import QueueState
from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.moderation.word_rules import RuleKind, WordRule
from bot.errors import JobNotFound
from tests.bot.court import Court, said
from tests.bot.world import eventually, labels


async def refused(court: Court, actor: Any, prompt: str = "a red fox") -> str:
    return said(await actor.slash(court.channel, "imagine", prompt=prompt))


async def test_the_queue_with_buttons_that_stop_jobs(court: Court) -> None:
    assert "Nothing is waiting" in await court.say(court.mo, "mod queue")
    await court.ada.slash(court.channel, "imagine", prompt="a secret fox")
    shown = await court.mo.slash(court.channel, "mod queue")
    assert shown.response is not None and "a secret fox" in shown.response.content
    assert labels(shown.response.message) == ["Stop 1"]
    assert "cancelled" in said(await court.mo.click(shown.response.message, label="Stop 1"))
    (job,) = await court.jobs.recent(court.ada.id, 1)
    assert job.state is JobState.CANCELLED
    assert (await court.newest()).action == "review x"


async def test_any_job_is_cancelled_by_its_id_with_a_reason(court: Court) -> None:
    await court.ada.slash(court.channel, "imagine", prompt="a fox")
    (job,) = await court.jobs.active()
    assert "cancelled" in await court.say(court.mo, "mod cancel", job=job.id, reason="too many")
    entry = await court.newest()
    assert (entry.actor_id, entry.action, entry.reason) == (court.mo.id, "cancel", "too many")
    assert "do not have" in await court.say(court.mo, "mod cancel", job="nothing")


@pytest.mark.parametrize("command", ["pause", "drain"])
async def test_nothing_new_while_the_gate_is_closed(court: Court, command: str) -> None:
    await court.say(court.mo, f"mod {command}", reason="new card")
    assert "paused" in await refused(court, court.ada) and "new card" in await refused(court, court.ada)
    assert court.switch.is_paused is (command == "pause")
    assert (await court.rules()).gate is (QueueState.PAUSED if command == "pause" else QueueState.DRAINING)
    await court.say(court.mo, "mod resume")
    assert not court.switch.is_paused
    await court.imagine(court.ada)


async def test_a_pause_outlives_a_restart_and_holds_no_other_server(court: Court) -> None:
    await court.say(court.mo, "mod pause")
    await court.restart()
    await eventually(lambda: court.switch.is_paused)
    court.env.create_guild("Another")
    await eventually(lambda: not court.switch.is_paused)
    assert "other servers share this machine" in await court.say(court.mo, "mod pause")
    assert not court.switch.is_paused


async def test_a_ban_stops_what_is_under_way_and_is_lifted(court: Court) -> None:
    await court.ada.slash(court.channel, "imagine", prompt="a fox")
    await court.say(court.mo, "mod ban", member=court.ada, reason="spam", time=2, unit="hours")
    (job,) = await court.jobs.recent(court.ada.id, 1)
    assert job.state is JobState.CANCELLED
    text = await refused(court, court.ada)
    assert "spam" in text and "<t:" in text
    (ban,) = (await court.rules()).bans
    assert ban.until is not None
    assert timedelta(minutes=119) < ban.until - court.now() <= timedelta(hours=2)
    court.drawn += 1

    await court.say(court.mo, "mod ban", member=court.ada, reason="again")
    assert "further notice" in await refused(court, court.ada)
    await court.say(court.mo, "mod unban", member=court.ada, reason="sorry")
    await court.imagine(court.ada)
    assert "is not banned" in await court.say(court.mo, "mod unban", member=court.ada)
    assert [entry.action for entry in await court.log.newest(court.guild.id, member_id=court.ada.id)] == [
        "unban", "ban", "ban",
    ]  # fmt: skip


async def test_what_moderators_do_with_ordinary_buttons_is_logged_too(court: Court) -> None:
    await court.ada.slash(court.channel, "imagine", prompt="a fox")
    await court.mo.click(court.messages[-1], label="Cancel")
    entry = await court.newest()
    assert (entry.actor_id, entry.action) == (court.mo.id, "cancel")
    await court.ada.slash(court.channel, "imagine", prompt="a fox")
    await court.ada.click(court.messages[-1], label="Cancel")
    assert len(await court.log.newest(court.guild.id)) == 1


async def test_a_moderator_elsewhere_is_nobody_here(court: Court) -> None:
    await court.ada.slash(court.channel, "imagine", prompt="a fox")
    (job,) = await court.jobs.active()
    elsewhere = court.env.create_guild("Elsewhere")
    room = elsewhere.create_text_channel("pictures")
    visitor = elsewhere.add_member(
        court.env.create_user("visitor"),
        roles=[elsewhere.create_role("boss", permissions=discord.Permissions(manage_guild=True))],
    )
    await visitor.slash(room, "cancel", job=job.id)
    assert "do not have" in said(await visitor.slash(room, "mod cancel", job=job.id))
    assert (await court.jobs.get(job.id)).state is JobState.QUEUED


async def test_moderators_cannot_ban_themselves(court: Court) -> None:
    assert "cannot ban yourself" in await court.say(court.mo, "mod ban", member=court.mo, reason="oops")
    assert (await court.rules()).bans == ()


async def test_results_are_deleted_one_or_all(court: Court) -> None:
    first, second = await court.imagine(court.ada), await court.imagine(court.ada, "an owl")
    other = await court.imagine(court.bo)
    await court.ada.click(court.messages[0], label="U1")
    assert len(court.messages) == 4
    assert "1 deleted" in await court.say(court.mo, "mod delete", job=first.id, reason="rules")
    with pytest.raises(JobNotFound):
        await court.jobs.get(first.id)
    assert len(court.messages) == 2
    assert "1 deleted" in await court.say(court.mo, "mod delete", member=court.ada)
    with pytest.raises(JobNotFound):
        await court.jobs.get(second.id)
    assert (await court.jobs.get(other.id)).state is JobState.DELIVERED
    assert "either a job or a member" in await court.say(court.mo, "mod delete")


async def test_only_a_members_results_on_this_server_go(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    here = await court.imagine(court.ada)
    elsewhere = court.env.create_guild("Elsewhere")
    room, there = elsewhere.create_text_channel("pictures"), elsewhere.add_member(court.ada.user)
    await there.slash(room, "imagine", prompt="a newer fox")
    newer = await court.draw()
    monkeypatch.setattr("bot.commands.moderation.mod_results.MOST", 1)
    assert "1 deleted" in await court.say(court.mo, "mod delete", member=court.ada)
    assert [job.id for job in await court.jobs.recent(court.ada.id, 9)] == [newer.id] != [here.id]


async def test_a_list_too_long_for_a_message_is_a_file(court: Court) -> None:
    def many(rules: GuildRules) -> GuildRules:
        words = tuple(WordRule(id=number, kind=RuleKind.WORD, pattern=f"word{number}") for number in range(1000))
        return rules.model_copy(update={"words": words})

    await court.rules_store.change(
        many, AuditEntry(at=court.now(), guild_id=court.guild.id, actor_id=1, action="words add")
    )
    shown = await court.mo.slash(court.channel, "mod words list")
    assert "1001 lines" in said(shown) and shown.response is not None
    (attached,) = shown.response.message.attachments
    assert b"999. word: ||word999||" in await attached.read()


async def test_words_are_added_met_and_removed(court: Court) -> None:
    await court.say(court.mo, "mod words add", pattern="gore", label="no gore")
    await court.say(court.mo, "mod words add", pattern=r"\bblo+d\b", kind="regex")
    assert "rule: no gore" in await refused(court, court.ada, "a fox with g0re")
    assert "word list, no. 2" in await refused(court, court.ada, "bloooood")
    listed = await court.say(court.mo, "mod words list")
    assert "1. word: ||gore|| (no gore)" in listed
    assert "no valid regular expression" in await court.say(court.mo, "mod words add", pattern="(", kind="regex")
    assert "too slow on long prompts" in await court.say(court.mo, "mod words add", pattern="(a+)+$", kind="regex")
    await court.say(court.mo, "mod words remove", rule="1")
    await court.imagine(court.ada, "a fox with gore")
    assert "Meaning rule: from 0.3" in await court.say(court.mo, "mod words meaning", margin=0.3)
    assert (await court.rules()).meaning_margin == 0.3


async def test_channels_allow_what_they_allow(court: Court) -> None:
    await court.say(court.mo, "mod channel deny", channel=court.channel)
    assert "switched off in this channel" in await refused(court, court.ada)
    await court.say(court.mo, "mod channel allow", channel=court.channel)
    await court.say(court.mo, "mod channel limits", channel=court.channel, max_steps=9)
    assert "at most 9 steps" in await refused(court, court.ada)
    assert "no model named" in await court.say(court.mo, "mod channel limits", channel=court.channel, models="nope")
    elsewhere = court.guild.create_text_channel("elsewhere")
    await court.say(court.mo, "mod channel allow", channel=elsewhere, only=True)
    assert f"<#{elsewhere.id}>" in await refused(court, court.ada)
    assert "up to 9 steps" in await court.say(court.mo, "mod channel list")


async def test_role_weights_reach_the_queue(court: Court) -> None:
    await court.say(court.mo, "mod weight", role=court.helpers, weight=3.0)
    assert (await court.imagine(court.ria)).weight == 3.0
    assert (await court.imagine(court.ada)).weight == 1.0
    assert "0.01 to 100" in await court.say(court.mo, "mod weight", role=court.helpers, weight=-1.0)
    await court.say(court.mo, "mod weight", role=court.helpers, weight=1.0)
    assert (await court.rules()).role_weights == ()


async def test_flagged_pictures_are_kept_back_hidden_or_shown(court: Court) -> None:
    assert (await court.imagine(court.ada, score=0.95)).state is JobState.FAILED
    await court.say(court.mo, "mod picture", policy="spoiler", threshold=0.5)
    hidden = await court.imagine(court.ada, score=0.6)
    assert (hidden.state, hidden.spoiler) == (JobState.DELIVERED, True)
    assert court.messages[-1].attachments[0].is_spoiler()
    await court.say(court.mo, "mod picture", policy="off")
    assert not (await court.imagine(court.ada, score=0.99)).spoiler


async def test_the_log_shows_what_was_done_and_tried(court: Court) -> None:
    await court.say(court.mo, "mod pause", reason="maintenance")
    await court.allow("mod", court.ada)
    assert await court.say(court.ada, "mod resume") == "This is for moderators."
    shown = await court.say(court.mo, "mod log")
    first, second = shown.splitlines()
    assert f"<@{court.ada.id}> gate open (refused)" in first
    assert f"<@{court.mo.id}> gate paused · maintenance" in second


async def test_the_log_says_nothing_of_what_was_done_already(court: Court) -> None:
    job = await court.imagine(court.ada)
    assert "delivered" in await court.say(court.mo, "mod cancel", job=job.id)
    assert await court.say(court.mo, "cancel", job=job.id) == "It was done already."
    assert await court.say(court.mo, "mod log") == "Nothing yet."


async def test_a_long_log_is_read_page_by_page(court: Court) -> None:
    for number in range(30):
        await court.log.add(_entry(court, f"word {number}", reason="r"))
    first = await court.mo.slash(court.channel, "mod log")
    assert first.response is not None and len(first.response.content) <= 2000
    lines = said(first).splitlines()
    assert len(lines) == 20 and f"word 29 of <@{court.ada.id}>" in lines[0] and "word 10" in lines[-1]
    second = await court.mo.click(first.response, label="Older")
    assert second.response is not None and labels(second.response.message) == []
    lines = said(second).splitlines()
    assert len(lines) == 10 and "word 9" in lines[0] and "word 0" in lines[-1]


async def test_nothing_of_a_long_entry_is_cut_from_the_log(court: Court) -> None:
    for number in range(3):
        await court.log.add(_entry(court, f"word {number}", reason=f"{'r' * 990} end {number}"))
    page = await court.mo.slash(court.channel, "mod log", member=court.ada)
    assert [line[-5:] for line in said(page).splitlines()] == ["end 2"]
    assert page.response is not None
    page = await court.mo.click(page.response, label="Older")
    assert [line[-5:] for line in said(page).splitlines()] == ["end 1"]
    await court.restart()
    assert page.response is not None
    page = await court.mo.click(page.response, label="Older")
    assert [line[-5:] for line in said(page).splitlines()] == ["end 0"]


async def test_the_log_is_for_moderators_page_by_page(court: Court) -> None:
    for _ in range(21):
        await court.log.add(_entry(court, "word"))
    page = await court.mo.slash(court.channel, "mod log")
    court.env.backend.get_guild(court.guild.id).members[court.mo.id].role_ids.clear()
    assert page.response is not None
    assert said(await court.mo.click(page.response, label="Older")) == "This is for moderators."


def _entry(court: Court, subject: str, reason: str = "") -> AuditEntry:
    subject = f"{subject} of <@{court.ada.id}>"
    return AuditEntry(
        at=court.now(), guild_id=court.guild.id, actor_id=court.mo.id, action="x", subject=subject, reason=reason
    )


async def test_stats_count_by_days_of_the_servers_time_zone(court: Court) -> None:
    # The simulated clock begins at midnight UTC: in Honolulu it is still the day before.
    await court.say(court.mo, "quota timezone", name="Pacific/Honolulu")
    await court.imagine(court.ada, gpu_ms=2000.0)
    said_words = said(await court.mo.slash(court.channel, "stats", days=2))
    yesterday = (court.now() - timedelta(hours=10)).strftime("%d %B")
    assert f"most on {yesterday} (4)" in said_words


async def test_stats_are_a_chart_with_words(court: Court) -> None:
    # Loading it takes seconds on a busy machine, longer than the simulated member waits for an answer.
    from matplotlib.backends import backend_agg

    assert backend_agg
    await court.imagine(court.ada, gpu_ms=2000.0)
    await court.imagine(court.bo, gpu_ms=1000.0)
    result = await court.mo.slash(court.channel, "stats", days=7)
    assert "8 pictures and 3 GPU-seconds in 7 days" in said(result)
    assert result.response is not None
    (chart,) = result.response.message.attachments
    assert chart.description is not None and "By model: " in chart.description
    assert "by member: 1. ada 2 s, 2. bo 1 s" in chart.description
    assert (await chart.read())[:8] == b"\x89PNG\r\n\x1a\n"


async def test_nobody_lifts_their_own_ban(court: Court) -> None:
    await court.say(court.mo, "mod roles", first=court.helpers)
    await court.allow("mod", court.ria)
    await court.say(court.mo, "mod ban", member=court.ria, reason="spam")
    assert "your own ban" in await court.say(court.ria, "mod unban", member=court.ria)
    assert [ban.member_id for ban in (await court.rules()).bans] == [court.ria.id]


async def test_a_moderator_by_role_bans_nobody_with_manage_server(court: Court) -> None:
    await court.say(court.mo, "mod roles", first=court.helpers)
    await court.allow("mod", court.ria)
    assert "Manage Server" in await court.say(court.ria, "mod ban", member=court.mo, reason="mine now")
    assert (await court.rules()).bans == ()
    assert "makes no pictures" in await court.say(court.ria, "mod ban", member=court.ada, reason="spam")


async def test_nor_does_a_review_by_one_ban_them(court: Court) -> None:
    room = court.guild.create_text_channel("review")
    await court.say(court.mo, "mod review on", channel=room)
    await court.say(court.mo, "mod roles", first=court.helpers)
    job = await court.imagine(court.mo, score=0.9)
    assert "Manage Server" in said(await court.ria.click(room.history()[0], label="Reject and ban for a week"))
    assert (await court.jobs.get(job.id)).state is JobState.REVIEW and (await court.rules()).bans == ()


async def test_roles_count_before_the_server_has_told_them(court: Court) -> None:
    """Between a new session's READY and the server's GUILD_CREATE."""
    await court.allow("mod", court.ria)
    await court.say(court.mo, "mod roles", first=court.helpers)
    guild = court.client.get_guild(court.guild.id)
    assert guild is not None
    guild._roles.clear()
    assert "for moderators" not in await court.say(court.ria, "mod log")
