"""`/mod queue`, `pause`, `drain` and `resume`: what is under way on this server, and whether more is taken."""

from __future__ import annotations

from collections.abc import Sequence

from discord.ui import View
from discord.utils import format_dt

from bot.commands.moderation.engine_gate import settle
from bot.commands.moderation.mod_review import ReviewAct, ReviewButton
from bot.commands.moderation.moderator_actions import change, guild_id, moderator
from bot.domain.model import Job
from bot.domain.moderation.access import QueueState
from bot.ui.content import texts
from bot.ui.interactions.answer import Answer, Pressed

SHOWN = 10
_ECHO = 60


async def tell(interaction: Pressed) -> None:
    """List the jobs under way, with a button that stops each of the first."""
    async with Answer(interaction, ephemeral=True) as answer:
        await moderator(interaction, "queue")
        jobs = await interaction.client.services.jobs.active(None, guild_id(interaction))
        lines = [f"{number}. {_line(job)}" for number, job in enumerate(jobs[:SHOWN], 1)]
        more = [f"… and {len(jobs) - SHOWN} more"] if len(jobs) > SHOWN else []
        await answer.private("\n".join([*lines, *more]) or "Nothing is waiting.", view=_cancel_view(jobs[:SHOWN]))


async def pause(interaction: Pressed, reason: str) -> None:
    """Refuse new jobs, and pause the engine where it serves only this server."""
    async with Answer(interaction, ephemeral=True) as answer:
        await _set_gate(interaction, QueueState.PAUSED, reason)
        is_held = await settle(interaction.client)
        waits = (
            "What waits is held; what runs is finished."
            if is_held
            else "What waits and runs goes on: other servers share this machine."
        )
        await answer.private(f"⏸️ Paused. {waits} `/mod resume` opens again.")


async def drain(interaction: Pressed, reason: str) -> None:
    """Refuse new jobs; those under way finish."""
    async with Answer(interaction, ephemeral=True) as answer:
        await _set_gate(interaction, QueueState.DRAINING, reason)
        await settle(interaction.client)
        under_way = len(await interaction.client.services.jobs.active(None, guild_id(interaction)))
        await answer.private(f"⏏️ No new jobs. {under_way} are still under way; `/mod queue` shows them.")


async def resume(interaction: Pressed) -> None:
    """Accept new jobs again."""
    async with Answer(interaction, ephemeral=True) as answer:
        await _set_gate(interaction, QueueState.OPEN, "")
        await settle(interaction.client)
        await answer.private("▶️ Jobs are taken again.")


async def _set_gate(interaction: Pressed, gate: QueueState, reason: str) -> None:
    update = {"gate": gate, "gate_reason": reason}
    await change(interaction, f"gate {gate}", lambda rules, _: rules.model_copy(update=update), reason=reason)


def _line(job: Job) -> str:
    words = texts.echo(job.spec.options.prompt, _ECHO)
    return f"`{job.id}` <@{job.member_id}> {job.state.value}, {format_dt(job.created_at, 'R')}: {words}"


def _cancel_view(jobs: Sequence[Job]) -> View:
    view = View(timeout=None)
    for number, job in enumerate(jobs):
        view.add_item(ReviewButton(ReviewAct.CANCEL, job.id, label=f"Stop {number + 1}", row=number // 5))
    view.stop()
    return view
