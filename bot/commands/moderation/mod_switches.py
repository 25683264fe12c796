"""`/mod reactions` and `/mod relax`: what a server can switch off."""

from __future__ import annotations

from bot.commands.moderation.moderator_actions import change
from bot.ui.interactions.answer import Answer, Pressed


async def reactions(interaction: Pressed, *, enabled: bool) -> None:
    """Whether reactions press the buttons of grids; ✉️, ⭐ and ❌ work in any case."""
    told = f"✅ Reactions {'press' if enabled else 'no longer press'} the buttons of grids here."
    await _switch(interaction, "reactions", "reaction_buttons", told, enabled=enabled)


async def relax(interaction: Pressed, *, enabled: bool) -> None:
    """Whether members may draw outside of their quota when nobody else waits."""
    told = f"✅ `--relax` is {'allowed' if enabled else 'switched off'} here."
    await _switch(interaction, "relax", "relaxed", told, enabled=enabled)


async def _switch(interaction: Pressed, action: str, field: str, told: str, *, enabled: bool) -> None:
    async with Answer(interaction, ephemeral=True) as answer:
        await change(
            interaction,
            action,
            lambda rules, _: rules.model_copy(update={field: enabled}),
            subject="on" if enabled else "off",
        )
        await answer.private(told)
