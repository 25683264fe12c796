"""What stands under a sheet of drafts: two menus of its pictures, and what concerns the whole sheet."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Self

import discord
from discord.ui import DynamicItem, Select, View

from bot.domain.model import Job, Verb
from bot.domain.prompting.derivation import DRAFTS
from bot.domain.quotas.quota import pictures
from bot.ui.content.buttons import JobButton
from bot.ui.content.cost_texts import count
from bot.ui.content.custom_ids import SHEET_TEMPLATE, Act, ButtonId

_ASKS = {
    Act.DEVELOP: f"Develop one at full size ({count(1)})",
    Act.MORE: f"More like this: {DRAFTS} drafts ({count(pictures(Verb.DRAFT, DRAFTS))})",
}
_WHOLE = (Act.REROLL, Act.RECIPE, Act.TIMELAPSE)


class SheetMenu(DynamicItem[Select[View]], template=SHEET_TEMPLATE):
    """Choose a draft, and what becomes of it; works after a restart."""

    def __init__(self, act: Act, job_id: str, cells: Sequence[int]) -> None:
        options = [discord.SelectOption(label=f"Draft {cell + 1}", value=str(cell)) for cell in cells]
        custom_id = f"dr-sheet:{act.value}:{job_id}"
        super().__init__(Select(custom_id=custom_id, placeholder=_ASKS[act], options=options))
        self._act, self._job_id = act, job_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the menu; what was chosen stands in the interaction."""
        return cls(Act(match["act"]), match["job"], range(DRAFTS))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Press what the menu stands for."""
        chosen = self.item.values[0]
        cell = int(chosen) if chosen.isdecimal() and len(chosen) <= 2 else DRAFTS  # a forged one is not there
        await interaction.client.press(interaction, ButtonId(self._act, self._job_id, cell))


def sheet_view(job: Job, cells: Sequence[int], offered: Collection[Act]) -> View:
    """Develop, more like this, and what concerns all drafts."""
    view = View(timeout=None)
    for act in _ASKS:
        if act in offered and cells:
            view.add_item(SheetMenu(act, job.id, cells))
    for act in _WHOLE:
        if act in offered:
            view.add_item(JobButton(ButtonId(act, job.id), row=2))
    view.stop()
    return view
