"""The client over the real studio, a real SQLite file and a real picture folder; only the engine follows a script."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.jobs.job_run import JobRun
from bot.domain.model import JobState
from bot.ui.job_reply.live_reply import ProgressReply
from tests.bot.stored_server import StoredServer, draw, finish
from tests.bot.world import eventually, labels
from tests.patience import PATIENCE_S


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoredServer]:
    opened = StoredServer(tmp_path)
    await opened.start()
    yield opened
    await opened.stop()
    assert not opened.env.errors


async def test_from_the_command_to_the_grid_to_a_variation(house: StoredServer) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a red fox --seed 7")
    stream = await house.engine.stream()
    draw(stream)
    await eventually(lambda: "step 2 of 4" in house.messages[-1].content)
    finish(stream)
    await eventually(lambda: "U1" in labels(house.messages[-1]))

    post = (await house.ada.click(house.messages[-1], label="U2")).response
    assert post is not None and post.attachments
    await house.ada.click(house.messages[0], label="V3")
    finish(await house.engine.stream(1))
    await eventually(lambda: "U1" in labels(house.messages[-1]))
    for job in await house.jobs.recent(house.ada.id, 9):
        await asyncio.wait_for(house.job_service.wait(job.id), PATIENCE_S)

    [first, second] = sorted(await house.jobs.recent(house.ada.id, 9), key=lambda job: job.parent_id is not None)
    assert (second.parent_id, second.parent_cell) == (first.id, 2)
    assert {first.state, second.state} == {JobState.DELIVERED}
    assert len(house.messages) == 3


async def test_a_restart_draws_what_waited_into_the_same_message(house: StoredServer) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a red fox --seed 7")
    draw(await house.engine.stream())
    await eventually(lambda: "step 2 of 4" in house.messages[-1].content)
    message_id = house.messages[-1].id

    await house.restart()
    stream = await house.engine.stream()
    assert stream.request.seed == 7
    finish(stream)

    await eventually(lambda: "U1" in labels(house.messages[-1]))
    assert [message.id for message in house.messages] == [message_id]


async def test_a_deleted_reply_gives_everything_back(house: StoredServer) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a red fox")
    draw(await house.engine.stream())
    await eventually(lambda: "step 2 of 4" in house.messages[-1].content)
    house.env.backend.delete_message(house.channel.id, house.messages[-1].id)

    [job] = await house.jobs.recent(house.ada.id, 9)
    job = await asyncio.wait_for(house.job_service.wait(job.id), PATIENCE_S)
    assert job.state is JobState.CANCELLED and job.gpu_ms in (None, 0.0)


async def test_cancel_ends_the_reply_and_the_engine(house: StoredServer) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a red fox")
    stream = await house.engine.stream()
    draw(stream)
    await eventually(lambda: "step 2 of 4" in house.messages[-1].content)

    await house.ada.click(house.messages[-1], label="Cancel")

    await eventually(lambda: "Cancelled" in house.messages[-1].content)
    assert not house.messages[-1].components and not house.messages[-1].attachments
    await eventually(lambda: stream.closed)


async def test_favourites_are_marked_by_reaction_and_listed(house: StoredServer) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a red fox")
    finish(await house.engine.stream())
    await eventually(lambda: "U1" in labels(house.messages[-1]))
    await house.ada.react(house.messages[-1], "⭐")
    await house.ada.click(house.messages[-1], label="All")
    sheet = await house.ada.slash(house.channel, "info favourites")
    assert sheet.response is not None and sheet.response.attachments


async def test_commands_are_told_to_discord_only_when_they_changed(house: StoredServer) -> None:
    def syncs() -> int:
        return sum(entry.method == "PUT" and entry.path.endswith("/commands") for entry in house.env.http_requests)

    assert syncs() == 1
    await house.restart()
    assert syncs() == 1


async def test_a_long_run_keeps_nothing_of_what_is_over(house: StoredServer) -> None:
    def held() -> dict[str, int]:
        gc.collect()
        kinds = (ProgressReply, JobRun)
        return {kind.__name__: sum(isinstance(one, kind) for one in gc.get_objects()) for kind in kinds}

    async def until_over(fate: str) -> None:
        number = len(house.engine.streams)
        await house.ada.slash(house.channel, "imagine", prompt=f"{fate} {number}")
        draw(stream := await house.engine.stream(number))
        await eventually(lambda: "step 2 of 4" in house.messages[-1].content)
        message = house.messages[-1]
        job, _ = await house.jobs.at_message(message.id)
        match fate:
            case "cancelled":
                await house.ada.click(message, label="Cancel")
            case "deleted":
                house.env.backend.delete_message(house.channel.id, message.id)
            case "gone unheard":
                for way in ("/webhooks/*/*/messages/*", "/channels/*/messages/*"):
                    house.env.inject_error("PATCH", way, status=404, code=10008)
                finish(stream)
            case _:
                finish(stream)
        await asyncio.wait_for(house.job_service.wait(job.id), PATIENCE_S)
        await eventually(lambda: not house.job_service.running)

    before = held()  # of earlier tests in this process
    for _ in range(4):
        for fate in ("finished", "cancelled", "deleted", "gone unheard"):
            await until_over(fate)
    await eventually(lambda: all(count <= before[kind] for kind, count in held().items()))
