"""The one reply through everything Discord does: lateness, expiry, deletion, refusals."""

from __future__ import annotations

import asyncio
import io
from datetime import datetime, timedelta

import discord
import pytest
from PIL import Image

from bot.domain.model import JobState, Preferences
from bot.domain.ports import PutOff
from bot.errors import DiskFull, QuotaExceeded, StoreError
from bot.ui.content.message_page import Page
from bot.ui.job_reply.live_reply import NOTICE_BEFORE
from bot.ui.job_reply.reply_message import HANDOVER, ReplyMessage
from engine.errors import OutOfMemory, UnknownModel
from engine.events import Preview, Progress, Queued
from tests.bot.scripted import webp
from tests.bot.world import World, eventually, labels

IMPATIENT = pytest.mark.parametrize("world", [{"settle_timeout": 1.0}], indirect=True)
VIRTUAL = pytest.mark.parametrize("world", [{"settle_timeout": 2.0, "virtual_time": True}], indirect=True)
TOKEN_EDIT = "/webhooks/*/*/messages/*"
BOT_EDIT = "/channels/*/messages/*"


async def begin(world: World, prompt: str = "a red fox") -> None:
    """A job that waits at its last preview."""
    world.job_service.gate.clear()
    await world.ada.slash(world.channel, "imagine", prompt=prompt)
    await eventually(lambda: "step 3" in world.messages[-1].content)


async def finish(world: World) -> None:
    world.job_service.gate.set()
    await world.job_service.done()


def edits(world: World, path: str) -> int:
    return sum(entry.method == "PATCH" and path in entry.path for entry in world.env.http_requests)


async def test_a_refusal_is_private_and_leaves_nothing_behind(world: World) -> None:
    world.job_service.refusal = QuotaExceeded("everyone", "pictures", 40, 40, 4, datetime.now().astimezone())

    result = await world.ada.slash(world.channel, "imagine", prompt="a fox")

    assert result.response is not None and result.response.ephemeral
    assert "40 of 40 are used" in result.response.content and not world.messages


@IMPATIENT
async def test_a_slow_acceptance_is_announced_before_discord_gives_up(world: World) -> None:
    world.job_service.accept_after_s = 2.0

    result = await world.ada.slash(world.channel, "imagine", prompt="a fox")
    assert not result.acknowledged
    await world.env.advance_time(1.3)
    assert result.acknowledged and result.deferred
    await world.env.advance_time(1.0)
    await world.job_service.done()

    assert "U1" in labels(world.messages[-1]) and len(world.messages) == 1


@IMPATIENT
async def test_a_late_refusal_is_still_private(world: World) -> None:
    world.job_service.accept_after_s = 2.0
    world.job_service.refusal = QuotaExceeded("everyone", "pictures", 40, 40, 4, datetime.now().astimezone())

    result = await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.env.advance_time(2.5)

    assert result.response is None
    [followup] = result.followups
    assert followup.ephemeral and "40 of 40" in followup.content


async def test_a_dead_interaction_is_swallowed_and_its_job_given_back(world: World) -> None:
    world.job_service.gate.clear()
    world.env.inject_error("POST", "/interactions/*/*/callback", status=404, code=10062)

    await world.ada.slash(world.channel, "imagine", prompt="a fox")

    assert world.jobs.jobs["job0000001"].state is JobState.CANCELLED and not world.messages


@pytest.mark.parametrize(("status", "code"), [(400, 40060), (500, 0), (429, 0)])
async def test_an_acknowledgement_nobody_heard_of_costs_no_job(world: World, status: int, code: int) -> None:
    world.env.inject_error("POST", "/interactions/*/*/callback", status=status, code=code, times=None)

    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()

    [message] = world.messages
    assert "U1" in labels(message) and world.jobs.jobs["job0000001"].reply.message_id == message.id


async def test_an_accepted_job_without_a_noted_place_is_no_failure(world: World) -> None:
    async def full(job_id: str, message_id: int) -> None:
        raise StoreError("the disk is full")

    world.jobs.reply_at = full  # a real store cannot be made to fail at this moment
    result = await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()

    [message] = world.messages
    assert "U1" in labels(message) and not result.followups


async def test_a_job_that_is_put_off_says_why(world: World) -> None:
    await begin(world)
    [job] = world.jobs.jobs.values()
    for is_full, why in ((False, "my storage does not answer"), (True, "my disk is full")):
        world.replies.show(job, PutOff(is_full=is_full))
        await eventually(lambda why=why: why in world.messages[-1].content)
        assert "nothing is charged" in world.messages[-1].content and labels(world.messages[-1]) == ["Cancel"]
    listed = await world.ada.slash(world.channel, "queue")
    assert listed.response is not None and "put off" in listed.response.content
    await finish(world)
    assert "U1" in labels(world.messages[-1])


@pytest.mark.parametrize(
    ("error", "said"),
    [(DiskFull("the database"), "My disk is full"), (StoreError("it failed"), "Something went wrong")],
)
async def test_a_store_that_fails_is_told_to_both(
    world: World, caplog: pytest.LogCaptureFixture, error: StoreError, said: str
) -> None:
    world.job_service.refusal = error
    result = await world.ada.slash(world.channel, "imagine", prompt="a fox")
    assert result.response is not None and result.response.ephemeral and said in result.response.content
    [entry] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert str(error) in entry.getMessage() and bool(entry.exc_info) is not isinstance(error, DiskFull)


async def test_progress_goes_on_where_its_place_cannot_be_stored(world: World) -> None:
    async def full(job_id: str, message_id: int) -> None:
        raise DiskFull("the database")

    world.jobs.reply_at = full
    await begin(world)
    await finish(world)
    assert "U1" in labels(world.messages[-1])


async def test_preflight_names_what_the_bot_lacks(world: World) -> None:
    nothing = discord.PermissionOverwrite(attach_files=False)
    channel = world.guild.create_text_channel("words", overwrites={world.guild.default_role: nothing})

    result = await world.ada.slash(channel, "imagine", prompt="a fox")

    assert result.response is not None and result.response.ephemeral and "Attach Files" in result.response.content
    assert not world.job_service.asks and not channel.history(viewer=world.bo)


async def test_after_minute_14_the_bot_itself_edits_the_same_message(world: World) -> None:
    await begin(world)
    message_id = world.messages[-1].id
    await world.env.advance_time(14 * 60 + 30)
    before = edits(world, "/webhooks/")

    await finish(world)

    [message] = world.messages
    assert message.id == message_id and "U1" in labels(message)
    assert edits(world, "/webhooks/") == before and edits(world, f"/channels/{world.channel.id}") == 1


@pytest.mark.parametrize(("status", "code"), [(401, 50027), (404, 10015)])
async def test_a_spent_token_hands_over_at_once(world: World, status: int, code: int) -> None:
    await begin(world)
    world.env.inject_error("PATCH", TOKEN_EDIT, status=status, code=code, times=None)

    await finish(world)

    [message] = world.messages
    assert "U1" in labels(message)


async def test_an_unknown_webhook_after_the_answer_is_asked_again(world: World) -> None:
    world.env.inject_error("PATCH", TOKEN_EDIT, status=404, code=10015, times=1)

    await begin(world)
    await finish(world)

    assert "U1" in labels(world.messages[-1]) and edits(world, f"/channels/{world.channel.id}") == 0


@pytest.mark.parametrize(("status", "code"), [(500, 0), (503, 0), (429, 0), (401, 0)])
async def test_a_result_discord_does_not_take_now_is_delivered_later(world: World, status: int, code: int) -> None:
    await begin(world)
    world.env.inject_error("PATCH", TOKEN_EDIT, status=status, code=code, times=2)

    await finish(world)

    assert len(world.job_service.delivery_errors) == 2 and "U1" in labels(world.messages[-1])


async def test_a_file_found_too_large_is_sent_smaller(world: World) -> None:
    await begin(world)
    world.env.inject_error("PATCH", TOKEN_EDIT, status=413, code=40005, times=2)

    await finish(world)

    assert not world.job_service.delivery_errors and "U1" in labels(world.messages[-1])


async def test_previews_that_fail_cost_nothing_but_previews(world: World) -> None:
    world.env.inject_error("PATCH", TOKEN_EDIT, status=500, times=2)
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    assert "U1" in labels(world.messages[-1])


async def test_a_deleted_reply_ends_the_job(world: World) -> None:
    await begin(world)
    world.env.backend.delete_message(world.channel.id, world.messages[-1].id)
    await eventually(lambda: world.jobs.jobs["job0000001"].state is JobState.CANCELLED)
    assert not world.messages


async def test_a_reply_found_missing_while_editing_ends_the_job(world: World) -> None:
    for way in (TOKEN_EDIT, BOT_EDIT):
        world.env.inject_error("PATCH", way, status=404, code=10008, times=None)
    world.job_service.gate.clear()
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await eventually(lambda: world.jobs.jobs["job0000001"].state is JobState.CANCELLED)


async def test_an_old_message_that_takes_no_more_edits_is_written_anew(world: World) -> None:
    await begin(world)
    await world.env.advance_time(90 * 60)
    world.env.inject_error("PATCH", BOT_EDIT, status=429, code=30046, times=None)

    await finish(world)

    assert len(world.messages) == 2 and "U1" in labels(world.messages[-1])


async def test_a_thread_that_was_archived_meanwhile_costs_no_picture(world: World) -> None:
    await begin(world)
    for way in (TOKEN_EDIT, BOT_EDIT):
        world.env.inject_error("PATCH", way, status=400, code=50083, times=None)

    await finish(world)

    assert len(world.messages) == 2 and "U1" in labels(world.messages[-1])


@pytest.mark.parametrize(("status", "code"), [(403, 50013), (400, 50083)])
async def test_where_nothing_may_be_written_any_more_it_is_sent(world: World, status: int, code: int) -> None:
    """A permission was taken away meanwhile, or a thread locked."""
    await begin(world)
    await world.env.advance_time(90 * 60)
    for method, way in (("PATCH", BOT_EDIT), ("POST", f"/channels/{world.channel.id}/messages")):
        world.env.inject_error(method, way, status=status, code=code, times=None)

    await finish(world)

    [sent] = world.ada.user.dm_channel.history()
    assert "U1" in labels(sent) and world.jobs.jobs["job0000001"].state is JobState.DELIVERED


@VIRTUAL
async def test_a_late_preview_does_not_cover_the_result(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, show = Gate(world), ReplyMessage.show

    async def late(message: ReplyMessage, page: Page) -> int:
        if "step 3" in page.text:
            await arrived.wait()
        return await show(message, page)

    monkeypatch.setattr(ReplyMessage, "show", late)  # the simulated Discord cannot be made slow
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.env.advance_time(30)
    assert "U1" not in labels(world.messages[-1])
    arrived.open()
    await world.env.settle()

    assert "U1" in labels(world.messages[-1])


async def test_a_restart_goes_on_in_the_same_message(world: World) -> None:
    await begin(world)
    message_id = world.messages[-1].id
    await world.restart()

    await finish(world)

    [message] = world.messages
    assert message.id == message_id and "U1" in labels(message)


async def test_a_failure_says_what_to_do_in_the_reply(world: World) -> None:
    world.job_service.failure = OutOfMemory("ask for 768x768")
    await begin(world)
    await finish(world)
    [message] = world.messages
    assert "ask for 768x768" in message.content and not message.attachments and labels(message) == ["Make it again"]


async def test_a_failure_of_many_words_fits_below_a_long_prompt(world: World) -> None:
    world.job_service.failure = UnknownModel("gone", tuple(f"somebody/a-model-of-theirs-{n}" for n in range(25)))
    await begin(world, "🦊" * 6000)
    await finish(world)
    [message] = world.messages
    assert "I know no model" in message.content and labels(message) == []


async def test_a_prompt_longer_than_a_message_is_shortened(world: World) -> None:
    await begin(world, "fox " * 1400)
    assert len(world.messages[-1].content) <= 2000 and "…" in world.messages[-1].content
    await finish(world)
    assert len(world.messages[-1].content) <= 2000
    assert len(world.messages[-1].attachments[0].description or "") <= 1024


async def test_what_members_write_pings_and_formats_nobody(world: World) -> None:
    await begin(world, "@everyone **loud** <@1>")
    content = world.messages[-1].content
    assert "@everyone" not in content and "**loud**" not in content
    await finish(world)


async def test_two_members_draw_at_the_same_time(world: World) -> None:
    world.job_service.gate.clear()
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.bo.slash(world.channel, "imagine", prompt="an owl")
    await eventually(lambda: all("step 3" in message.content for message in world.messages))
    await finish(world)

    fox, owl = world.messages
    assert "a fox" in fox.content and str(world.ada.id) in fox.content
    assert "an owl" in owl.content and str(world.bo.id) in owl.content


async def test_a_ping_comes_only_when_asked_for(world: World) -> None:
    await world.members.prefer(world.bo.id, Preferences(notify=True))
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.bo.slash(world.channel, "imagine", prompt="an owl")
    await world.job_service.done()

    [ping] = [message for message in world.messages if "ready" in message.content]
    assert ping.content.startswith(f"<@{world.bo.id}>") and ping.reference is not None


async def test_what_others_wait_for_is_told(world: World) -> None:
    world.job_service.script = (Queued(position=3, eta_s=200, reason="they asked less today"),)
    world.job_service.gate.clear()
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    expected = "waiting, 3 ahead of you, about 3 min (they asked less today)"
    await eventually(lambda: expected in world.messages[-1].content)


async def test_what_waits_for_review_is_shown_by_no_door(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    message = world.messages[-1]
    for state in (JobState.REVIEW, JobState.FAILED):
        world.jobs.change("job0000001", state=state)
        await world.env.advance_time(5)
        for result in (
            await world.ada.click(message, label="U1"),
            await world.ada.slash(world.channel, "show", job="job0000001"),
        ):
            assert result.response is not None and result.response.ephemeral and not result.response.attachments
        tree = await world.ada.slash(world.channel, "lineage", job="job0000001")
        assert tree.response is not None and drawn_grey(tree.response.attachments[0].url, world)


def drawn_grey(url: str, world: World) -> bool:
    """The thumbnail in a family tree of one is empty."""
    content = world.env.backend.cdn.get(url)
    assert content is not None
    red, green, blue = Image.open(io.BytesIO(content)).convert("RGB").getpixel((60, 60))
    return max(red, green, blue) - min(red, green, blue) < 20


def out_of_server(world: World) -> None:
    """As if the app were installed by the member only: no bot in the channel."""
    submit = world.job_service.submit

    async def without_bot(ask):
        return await submit(ask.model_copy(update={"reply": ask.reply.model_copy(update={"bot_present": False})}))

    world.job_service.submit = without_bot  # a server without the bot cannot be simulated


@VIRTUAL
async def test_where_the_bot_is_absent_a_direct_message_is_announced(world: World) -> None:
    out_of_server(world)
    world.job_service.script = (Progress(step=1, steps=4, preview=Preview(webp("grey"), 32, 32)),)
    world.job_service.gate = gate = Gate(world)
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.env.advance_time(13 * 60 + 5)
    assert "direct message" in world.messages[-1].content
    assert labels(world.messages[-1]) == ["Show the result", "Cancel"]

    await world.env.advance_time(3 * 60)
    gate.open()
    await world.env.settle()

    [sent] = world.ada.user.dm_channel.history()
    assert "U1" in labels(sent)


async def test_a_direct_message_takes_no_files_of_a_boosted_server(world: World) -> None:
    """Files may be larger on the server: there they fit, in a direct message they are refused."""
    await begin(world)
    job = world.jobs.jobs["job0000001"]
    reply = job.reply.model_copy(update={"file_limit_bytes": 100 * 1024 * 1024})
    world.jobs.change(job.id, reply=reply)
    await world.env.advance_time(90 * 60)
    world.env.inject_error("PATCH", BOT_EDIT, status=403, code=50013, times=None)
    world.env.inject_error("POST", "/channels/*/messages", status=413, code=40005)

    await finish(world)

    [sent] = world.ada.user.dm_channel.history()
    assert "U1" in labels(sent) and world.jobs.jobs[job.id].state is JobState.DELIVERED


@VIRTUAL
async def test_a_button_brings_what_no_direct_message_could(world: World) -> None:
    out_of_server(world)
    world.job_service.script = (Progress(step=1, steps=4, preview=Preview(webp("grey"), 32, 32)),)
    world.job_service.gate = gate = Gate(world)
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.env.advance_time(16 * 60)
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=50007)
    early = await world.ada.click(world.messages[-1], label="Show the result")
    assert early.response is not None and "not done yet" in early.response.content

    gate.open()
    await world.env.settle()
    result = await world.ada.click(world.messages[-1], label="Show the result")

    assert result.response is not None and result.response.ephemeral and "U1" in labels(result.response.message)
    assert world.jobs.jobs["job0000001"].state is JobState.DELIVERED


class Gate:
    """An event the simulated Discord knows to wait for."""

    def __init__(self, world: World) -> None:
        self._world, self._event = world, asyncio.Event()

    async def wait(self) -> None:
        await self._world.env.external_wait(self._event.wait(), reason="the engine works")

    def open(self) -> None:
        self._event.set()


def test_the_notice_comes_before_the_token_is_left() -> None:
    assert timedelta(0) < HANDOVER < NOTICE_BEFORE < timedelta(minutes=5)


async def test_a_reply_that_lost_its_id_in_a_crash_is_found_by_token(world: World) -> None:
    await begin(world)
    message_id = world.messages[-1].id
    job = world.jobs.jobs["job0000001"]
    world.jobs.change(job.id, epoch=2, reply=job.reply.model_copy(update={"message_id": None}))
    world.replies._live.clear()  # what a new process knows

    await finish(world)

    [message] = world.messages
    assert message.id == message_id and "U1" in labels(message)
    assert world.jobs.jobs[job.id].reply.message_id == message_id
