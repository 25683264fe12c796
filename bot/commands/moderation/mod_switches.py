"""`/mod reactions`, `/mod relax` and `/mod results`: what a server can switch off or over."""

from __future__ import annotations

from collections.abc import Mapping

from bot.commands.moderation.moderator_actions import change
from bot.domain.model import ResultForm
from bot.domain.prompting.prompt import parse
from bot.ui.interactions.answer import Answer, Pressed


async def reactions(interaction: Pressed, *, enabled: bool) -> None:
    """Whether reactions press the buttons of grids; ✉️, ⭐ and ❌ work in any case."""
    told = f"✅ Reactions {'press' if enabled else 'no longer press'} the buttons of grids here."
    await _set(interaction, "reactions", {"reaction_buttons": enabled}, "on" if enabled else "off", told)


async def relax(interaction: Pressed, *, enabled: bool) -> None:
    """Whether members may draw outside of their quota when nobody else waits."""
    async with Answer(interaction, ephemeral=True) as answer:
        update, subject = {"relaxed": enabled}, "on" if enabled else "off"
        rules = await change(interaction, "relax", lambda rules, _: rules.model_copy(update=update), subject=subject)
        told = f"✅ `--relax` is {'allowed' if enabled else 'switched off'} here."
        refused = [rule for rule in rules.channels if parse("", suffixes=(rule.defaults,), needs_words=False).relax]
        if refused and not enabled:
            named = ", ".join(f"<#{rule.channel_id}>" for rule in refused)
            told += f"\n⚠️ {named}: prompts have `--relax` by default and are refused; change `/mod channel defaults`."
        await answer.private(told)


async def results(interaction: Pressed, form: ResultForm) -> None:
    """How four pictures are shown of members who said nothing."""
    shown = "one by one, to swipe through" if form == "album" else "as one picture"
    told = f"✅ Four pictures are shown {shown} here. Members choose for themselves in `/settings`."
    await _set(interaction, "results", {"results": form}, form, told)


async def _set(interaction: Pressed, action: str, update: Mapping[str, object], subject: str, told: str) -> None:
    async with Answer(interaction, ephemeral=True) as answer:
        await change(interaction, action, lambda rules, _: rules.model_copy(update=update), subject=subject)
        await answer.private(told)
