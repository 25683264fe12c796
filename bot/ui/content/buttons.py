"""Buttons that outlive restarts: each carries its id, and the client looks up what to do when it is pressed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import discord
from discord import ButtonStyle
from discord.ui import Button, DynamicItem, View

from bot.domain.model import Job, Place, Verb
from bot.ui.content.custom_ids import TEMPLATE, Act, ButtonId


@dataclass(frozen=True, slots=True)
class Face:
    """How a button looks; `{n}` in the label is the number of the picture."""

    label: str = ""
    emoji: str | None = None
    style: ButtonStyle = ButtonStyle.secondary


FACES: Mapping[Act, Face] = MappingProxyType(
    {
        Act.SHOW: Face("U{n}"),
        Act.VARY: Face("V{n}"),
        Act.REROLL: Face(emoji="🔄"),
        Act.CANCEL: Face("Cancel", "✖️"),
        Act.FETCH: Face("Show the result", "📬", ButtonStyle.primary),
        Act.RECIPE: Face(emoji="ℹ️"),
        Act.AGAIN: Face("Make it again", "🔁"),
        Act.TIMELAPSE: Face("Time-lapse", "⏱️"),
        Act.UPSCALE_SUBTLE: Face("Upscale (subtle)", "⬆️"),
        Act.UPSCALE_CREATIVE: Face("Upscale (creative)", "✨"),
        Act.VARY_SUBTLE: Face("Vary (subtle)", "🪄"),
        Act.VARY_STRONG: Face("Vary (strong)", "🎨"),
        Act.VARY_REGION: Face("Vary region", "🖌️"),
        Act.EDIT: Face("Edit", "✏️"),
        Act.EDIT_REGION: Face("Edit region", "🖌️"),
        Act.CUT_OUT: Face("Cut out", "✂️"),
        Act.EXPRESSION: Face("Use as emoji / sticker", "😀"),
        Act.ZOOM_OUT_1_5: Face("Zoom out 1.5x", "🔍"),
        Act.ZOOM_OUT_2: Face("Zoom out 2x", "🔍"),
        Act.ZOOM_CUSTOM: Face("Custom zoom", "🔍"),
        Act.PAN_LEFT: Face(emoji="⬅️"),
        Act.PAN_RIGHT: Face(emoji="➡️"),
        Act.PAN_UP: Face(emoji="⬆️"),
        Act.PAN_DOWN: Face(emoji="⬇️"),
        Act.DESCRIBE: Face("Describe", "💬"),
        Act.CAPTION: Face("Imagine {n}", "🖼️"),
        Act.DECIDE: Face("Let the group decide", "🗳️"),
        Act.PERMUTE: Face("Start all", "▶️", ButtonStyle.success),
        Act.DRAFT: Face("24 drafts", "🗂️"),
        Act.DEVELOP: Face("Develop {n}", "🎞️"),
        Act.MORE: Face("More like {n}", "🗂️"),
        Act.STAR: Face("{n}", "⭐"),
        Act.STAR_ALL: Face("All", "⭐"),
        Act.BRANCH: Face("Branch", "🌿"),
        Act.FAMILY: Face("Family", "🌳"),
        Act.RICHER: Face("Richer", "✨"),
        Act.FORM: Face("Imagine…", "📝"),
        Act.LET_ALL: Face("Everybody may"),
        Act.LET_ASK: Face("Ask me first"),
        Act.LET_NOBODY: Face("Nobody else"),
        Act.LET_SAME: Face("As all my pictures"),
    }
)

_ROW = 5
"""Buttons in a row, at most."""
_CELL_ROWS = (
    (Act.UPSCALE_SUBTLE, Act.UPSCALE_CREATIVE, Act.DESCRIBE, Act.RECIPE),
    (Act.VARY_SUBTLE, Act.VARY_STRONG, Act.VARY_REGION, Act.EDIT, Act.CUT_OUT),
    (Act.ZOOM_OUT_1_5, Act.ZOOM_OUT_2, Act.ZOOM_CUSTOM, Act.BRANCH, Act.FAMILY),
    (Act.PAN_LEFT, Act.PAN_RIGHT, Act.PAN_UP, Act.PAN_DOWN, Act.EXPRESSION),
)
_REWORKED_ROWS = (
    (Act.VARY_SUBTLE, Act.VARY_STRONG, Act.EDIT, Act.DESCRIBE, Act.RECIPE),
    (Act.BRANCH, Act.FAMILY, Act.CUT_OUT, Act.EXPRESSION),
)


FOR_SERVERS = frozenset({Act.EXPRESSION})
"""What nobody can do where the bot is on no server."""


def offered_in(offered: Collection[Act], place: Place) -> Collection[Act]:
    """What can be done in a place."""
    return offered if place.guild_id is not None and place.bot_present else set(offered) - FOR_SERVERS


class JobButton(DynamicItem[Button[View]], template=TEMPLATE):
    """Any of our buttons; what pressing does is looked up by its act, so it works after a restart."""

    def __init__(self, button_id: ButtonId, *, row: int | None = None) -> None:
        face = FACES[button_id.act]
        label = face.label.format(n=button_id.cell + 1) or None
        super().__init__(Button(label=label, emoji=face.emoji, style=face.style, custom_id=str(button_id), row=row))
        self.button_id = button_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id."""
        return cls(ButtonId.read(match))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press to the function that the client has for this act."""
        await interaction.client.press(interaction, self.button_id)


def cancel_view(job_id: str) -> View:
    """The button on a reply whose job is not done."""
    return _view([[ButtonId(Act.CANCEL, job_id)]])


def fetch_view(job_id: str) -> View:
    """For replies Discord will soon not let us edit: a fresh interaction on demand."""
    return _view([[ButtonId(Act.FETCH, job_id), ButtonId(Act.CANCEL, job_id)]])


def permute_view(owner_id: int) -> View:
    """The confirmation of many jobs at once."""
    return _view([[ButtonId(Act.PERMUTE, str(owner_id))]])


def captions_view(job: Job) -> View:
    """One "imagine this" for each caption."""
    return _view([[ButtonId(Act.CAPTION, job.id, number) for number in range(min(5, len(job.captions)))]])


def star_view(job_id: str, cells: Iterable[int]) -> View:
    """Which picture of a grid to mark."""
    each = [*(ButtonId(Act.STAR, job_id, cell) for cell in cells), ButtonId(Act.STAR_ALL, job_id)]
    return _view(each[start : start + _ROW] for start in range(0, len(each), _ROW))


def recipe_view(job_id: str, *, is_owner: bool = False, is_richer: bool = False) -> View:
    """The buttons on a recipe card; for the owner, who may make something of the pictures, too.

    `is_richer`: this host has something that proposes richer words.
    """
    acts = (Act.AGAIN, Act.RICHER) if is_richer else (Act.AGAIN,)
    lets = (Act.LET_ALL, Act.LET_ASK, Act.LET_NOBODY, Act.LET_SAME) if is_owner else ()
    return _view([[ButtonId(act, job_id) for act in acts], [ButtonId(act, job_id) for act in lets]])


def again_view(job_id: str) -> View:
    """The button under a job that failed."""
    return _view([[ButtonId(Act.AGAIN, job_id)]])


def form_view() -> View:
    """The button that opens the form of `/draw`."""
    return _view([[ButtonId(Act.FORM, "new")]])


def grid_view(job: Job, cells: int, offered: Collection[Act]) -> View:
    """U and V for every cell, 🔄, and what concerns the whole grid."""
    each, once = range(min(cells, 4)), (Act.EDIT_REGION,) if job.spec.verb is Verb.EDIT else (Act.DRAFT,)
    rows = [
        [ButtonId(Act.SHOW, job.id, cell) for cell in each] + [ButtonId(Act.REROLL, job.id)],
        [ButtonId(Act.VARY, job.id, cell) for cell in each] + [ButtonId(Act.FAMILY, job.id)],
        [ButtonId(act, job.id) for act in (Act.RECIPE, Act.TIMELAPSE, Act.DECIDE, *once, Act.FORM)],
    ]
    return _view(rows, offered)


def cell_view(
    job_id: str, cell: int, offered: Collection[Act], parent_url: str = "", *, reworked: bool = False
) -> View:
    """All that can be done with one kept picture."""
    rows = [[ButtonId(act, job_id, cell) for act in acts] for acts in (_REWORKED_ROWS if reworked else _CELL_ROWS)]
    view = _view(rows, offered)
    if parent_url:
        view.add_item(Button(label="Parent", emoji="🔼", url=parent_url, row=4))
    return view


def _view(rows: Iterable[Iterable[ButtonId]], offered: Collection[Act] | None = None) -> View:
    view = View(timeout=None)
    kept = ([item for item in row if offered is None or item.act in offered] for row in rows)
    for number, row in enumerate(filter(None, kept)):
        for button_id in row:
            view.add_item(JobButton(button_id, row=number))
    # A stopped view is drawn but not remembered: the buttons are found by their ids, in this process or the next.
    view.stop()
    return view
