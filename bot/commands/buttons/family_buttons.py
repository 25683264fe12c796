"""Family under every picture: a private contact sheet of its nearest relatives, which one can walk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import discord
from discord.ui import DynamicItem, Select, View

from bot.commands.buttons.relatives import Kin, relative
from bot.domain.model import Job
from bot.domain.moderation.job_access import Deed
from bot.domain.prompting.derivation import Family, family
from bot.domain.prompting.differences import difference
from bot.domain.prompting.prompt import shorten
from bot.ui.content import texts
from bot.ui.content.buttons import JobButton
from bot.ui.content.custom_ids import KIN_TEMPLATE, Act, ButtonId
from bot.ui.content.message_page import Page, Upload
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.permitted_jobs import permitted
from bot.ui.pictures.family_sheet import family_sheet

ABOVE, BELOW, BRANCHES = 2, 6, 4
_LINE = 150


@dataclass(frozen=True)
class _Near:
    """The relatives that a sheet shows, in its order."""

    jobs: tuple[Job, ...]
    at: int
    """Which of them was asked for."""
    more: int
    """How many children are left out."""


class KinMenu(DynamicItem[Select[View]], template=KIN_TEMPLATE):
    """Go to a relative; works after a restart."""

    def __init__(self, job_id: str, options: Sequence[discord.SelectOption]) -> None:
        super().__init__(Select(custom_id=f"dr-kin:{job_id}", placeholder="Go to", options=list(options)))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the menu; what was chosen stands in the interaction."""
        return cls(match["job"], [discord.SelectOption(label="?")])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Show that one's family."""
        await sheet(interaction, ButtonId(Act.FAMILY, self.item.values[0]))


async def sheet(interaction: Pressed, pressed: ButtonId) -> None:
    """Show the sheet to whoever pressed."""
    services = interaction.client.services
    async with Answer(interaction, ephemeral=True) as answer:
        asked = await permitted(interaction, pressed.job_id, Deed.SEE)
        near = _near(family(await services.jobs.family(asked.id)), asked)
        kin = [await relative(interaction, 0, job, asked.id, is_private=True) for job in near.jobs]
        view = await _view(interaction, asked, near, kin)
        shown = [one.relative for one in kin]

        async def fitted(limit: int) -> Page:
            above, itself, below = shown[: near.at], shown[near.at], shown[near.at + 1 :]
            content = await services.drawing.run(family_sheet, above, itself, below, limit)
            alt = "; ".join(f"{number}. {one.caption}, {one.detail}" for number, one in enumerate(shown, 1))
            is_hidden = any(one.is_hidden for one in kin)
            upload = Upload(f"darkroom-{asked.id}-family.webp", content, alt[: texts.ALT_LIMIT], spoiler=is_hidden)
            return Page(_told(near, kin), (upload,), view)

        await answer.page(fitted, interaction.filesize_limit, is_private=True)


def _near(tree: Family, asked: Job) -> _Near:
    known, above, one = {job.id: job for job in tree.jobs}, list[Job](), asked
    while len(above) < ABOVE and one.parent_id in known:
        one = known[one.parent_id]
        above.insert(0, one)
    children = tree.children(asked.id)
    return _Near((*above, asked, *children[:BELOW]), len(above), max(0, len(children) - BELOW))


def _told(near: _Near, kin: Sequence[Kin]) -> str:
    """A line for each: who made it, and how its words differ from those it was made from."""
    jobs = {job.id: job for job in near.jobs}
    told = {job.id for job, one in zip(near.jobs, kin, strict=True) if one.is_told}
    lines = ["🌳 **Family**: what it was made from, itself, and what was made of it"]
    for number, (job, one) in enumerate(zip(near.jobs, kin, strict=True), 1):
        if not one.is_told:
            lines.append(f"{number}. {texts.act(job)}; you cannot see this one")
            continue
        parent = jobs.get(job.parent_id or "")
        words = difference(parent.spec.options, job.spec.options) if parent and parent.id in told else ""
        credit = f" “{texts.safe(job.spec.credit)}”" if job.spec.credit else ""
        own = " (this one)" if number == near.at + 1 else ""
        lines.append(
            f"{number}. {texts.act(job)} by <@{job.member_id}>{own} {texts.echo(words, _LINE)}{credit}".strip()
        )
    if near.more:
        lines.append(f"-# and {near.more} more; `/lineage` draws the whole tree")
    return shorten("\n".join(lines), texts.MESSAGE_LIMIT)


async def _view(interaction: Pressed, asked: Job, near: _Near, kin: Sequence[Kin]) -> View:
    view = View(timeout=None)
    options = [
        discord.SelectOption(label=shorten(f"{number}. {one.relative.caption}", 100), value=job.id)
        for number, (job, one) in enumerate(zip(near.jobs, kin, strict=True), 1)
        if one.is_told and job.id != asked.id
    ]
    if options:
        view.add_item(KinMenu(asked.id, options))
    cells = await interaction.client.services.jobs.cells(asked.id) if asked.state.is_showable else []
    for cell in cells[:BRANCHES]:
        button = JobButton(ButtonId(Act.BRANCH, asked.id, cell.cell), row=1)
        button.item.label = "Branch from here" if len(cells) == 1 else f"Branch from {cell.cell + 1}"
        view.add_item(button)
    view.stop()
    return view
