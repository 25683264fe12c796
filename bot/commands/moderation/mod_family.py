"""`/mod consent`: the default where members said nothing. `/mod quarantine`: hides pictures and all made of them."""

from __future__ import annotations

from typing import Literal

from discord import app_commands
from discord.app_commands import Range, locale_str

from bot.commands.moderation.hidden_messages import blank, show_again
from bot.commands.moderation.moderator_actions import change, entry, guild_id, moderator
from bot.domain.model import Job, JobState
from bot.domain.moderation.job_access import Deed
from bot.errors import BadOption, ConfigError
from bot.store.jobs.quarantines import Quarantines
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.permitted_jobs import permitted

_LIVE = (JobState.QUEUED, JobState.RUNNING)
_DEFAULTS = {
    "all": "everybody may make something of their pictures",
    "ask": "they are asked before somebody makes something of their pictures",
    "me": "nobody else may make anything of their pictures",
}


async def set_default(interaction: Pressed, share: Literal["all", "ask", "me"]) -> None:
    """Set the server's default."""
    async with Answer(interaction, ephemeral=True) as answer:
        await change(interaction, "consent", lambda rules, _: rules.model_copy(update={"share": share}), subject=share)
        await answer.private(
            f"✅ Where members chose nothing: {_DEFAULTS[share]}. "
            "Each member's own choice (`/privacy consent`) counts before this."
        )


class Quarantine(app_commands.Group):
    """Hides a picture and everything made from it."""

    def __init__(self) -> None:
        super().__init__(name="quarantine", description=locale_str("Hide a picture and everything made from it"))

    @app_commands.command(name="add", description=locale_str("Hide a result and everything made from it"))
    @app_commands.describe(job=locale_str("The job's id"), reason=locale_str("Why, for the log"))
    async def add(self, interaction: Pressed, job: str, reason: Range[str, 0, 200] = "") -> None:
        """Hide it: messages lose their pictures, and nothing new is made of it."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "quarantine add")
            found, services = await permitted(interaction, job.strip(), Deed.JUDGE), interaction.client.services
            while True:
                family = await _quarantines(interaction).hide(found.id, services.clock())
                live = [each for each in family if each.state in _LIVE]
                if not live:
                    break
                for each in live:
                    await services.job_service.withdraw(each.id)
            hidden = [each for each in family if each.state is JobState.HIDDEN]
            for each in hidden:
                await blank(interaction.client, each)
            subject = f"job {found.id} of <@{found.member_id}>"
            await services.log.add(
                entry(interaction, "quarantine add", subject, f"{len(hidden)} hidden. {reason}".strip())
            )
            await answer.private(
                f"🙈 Hidden: {len(hidden)} results. `/mod quarantine lift job:{found.id}` brings them back."
            )

    @app_commands.command(name="lift", description=locale_str("Show again what a quarantine hides"))
    @app_commands.describe(job=locale_str("The job's id"), reason=locale_str("Why, for the log"))
    async def lift(self, interaction: Pressed, job: str, reason: Range[str, 0, 200] = "") -> None:
        """Bring back what only this quarantine hides."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "quarantine lift")
            store, services, job_id = _quarantines(interaction), interaction.client.services, job.strip()
            if not await store.holds(job_id, guild_id(interaction)):
                raise BadOption("job", "no quarantine began with this one")
            back = await store.lift(job_id, services.clock())
            for each in back:
                await show_again(interaction.client, each)
            await services.log.add(
                entry(
                    interaction,
                    "quarantine lift",
                    f"job {job_id}{_whose(back, job_id)}",
                    f"{len(back)} back. {reason}".strip(),
                )
            )
            await answer.private(f"👀 Back again: {len(back)} results.")


def _whose(back: list[Job], job_id: str) -> str:
    return "".join(f" of <@{each.member_id}>" for each in back if each.id == job_id)


def _quarantines(interaction: Pressed) -> Quarantines:
    if (store := interaction.client.services.quarantines) is None:
        raise ConfigError("quarantines", "this bot was built without them")
    return store
