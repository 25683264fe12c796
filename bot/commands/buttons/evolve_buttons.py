"""The buttons of `/evolve`: agree to the cost, and hand in a wild card by form."""

from __future__ import annotations

from bot.commands.buttons.round_buttons import check, seen
from bot.domain.prompting.prompt import shorten
from bot.ui.content.custom_ids import FormId, FormKind, RoundId
from bot.ui.content.modals import Filled, LineForm
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of
from bot.ui.interactions.playing import evolutions


async def start(interaction: Pressed, pressed: RoundId) -> None:
    """Begin the first round."""
    async with Answer(interaction, ephemeral=True) as answer:
        await submission.check_entry(interaction)
        current = await seen(interaction, pressed.round_id)
        await evolutions(interaction).start(current.id, await member_of(interaction))
        await answer.private("It begins: the first pictures are being drawn.")


async def wild(interaction: Pressed, pressed: RoundId) -> None:
    """Ask for one line."""
    async with Answer(interaction, may_ask=True) as answer:
        await check(interaction)
        current = await seen(interaction, pressed.round_id)
        await evolutions(interaction).require_open(current.id)
        await answer.modal(
            LineForm("Wild card", FormId(FormKind.WILD, current.id), "", "One line, such as: make it rain")
        )


async def handed_in(interaction: Pressed, about: str, filled: Filled) -> None:
    """Take the line; whose is used is decided when the votes are counted."""
    async with Answer(interaction, ephemeral=True) as answer:
        await submission.check_entry(interaction)
        current = await seen(interaction, about)
        entry = await evolutions(interaction).hand_in(current.id, await member_of(interaction), filled.prompt)
        await answer.private(
            f"🃏 Your wild card: “{shorten(entry.text, 100)}”. A round draws up to three, of whoever was served least "
            "so far; the others wait. Hand in another one to replace it."
        )
