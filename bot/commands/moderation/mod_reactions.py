"""`/mod reactions`: whether reactions press the buttons of grids on this server."""

from __future__ import annotations

from bot.commands.moderation.moderator_actions import change
from bot.ui.interactions.answer import Answer, Pressed


async def switch(interaction: Pressed, *, enabled: bool) -> None:
    """Switch the reactions that stand for buttons on or off; ✉️, ⭐ and ❌ work in any case."""
    async with Answer(interaction, ephemeral=True) as answer:
        await change(
            interaction,
            "reactions",
            lambda rules, _: rules.model_copy(update={"reaction_buttons": enabled}),
            subject="on" if enabled else "off",
        )
        await answer.private(f"✅ Reactions {'press' if enabled else 'no longer press'} the buttons of grids here.")
