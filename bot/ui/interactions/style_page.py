"""The pages members choose a style from: thumbnails of the host, and a menu that asks for the words."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, Select, View

from bot.domain.model import Verb
from bot.domain.prompting.prompt import expand, shorten
from bot.domain.prompting.quotes import quoted
from bot.domain.prompting.short_names import short_name, with_short_name
from bot.errors import BadOption
from bot.settings import StyleSettings
from bot.ui.content import texts
from bot.ui.content.custom_ids import FormId, FormKind
from bot.ui.content.message_page import Page, Upload
from bot.ui.content.modals import Filled, Form
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.services import Darkroom
from bot.ui.interactions.submissions import submit_each
from bot.ui.pictures.compositing import contact_sheet

MENU = 25
_CUSTOM_ID = "drs:style"
_LINE = 300
_HEAD = 60
"""Characters kept free for the line that counts pages."""


class StyleMenu(DynamicItem[Select[View]], template=_CUSTOM_ID):
    """Choose a style, then say what to draw in it; works after a restart."""

    def __init__(self, styles: Mapping[str, StyleSettings]) -> None:
        options = [
            discord.SelectOption(
                label=shorten(name, 100), value=short_name(name), description=style.description[:100] or None
            )
            for name, style in list(styles.items())[:MENU]
        ]
        super().__init__(Select(custom_id=_CUSTOM_ID, placeholder="Choose a style", options=options))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the menu; what was chosen stands in the interaction."""
        return cls(interaction.client.services.settings.styles)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Ask for the words."""
        short = self.item.values[0]
        async with Answer(interaction, ephemeral=True, may_ask=True) as answer:
            name = with_short_name(interaction.client.services.settings.styles, short)
            if name is None:
                raise BadOption(short, "that style is not there any more; see `/style list`")
            await answer.modal(Form(f"Imagine in {name}", FormId(FormKind.STYLE, short), ""))


class StylePageButton(DynamicItem[Button[View]], template=r"drs:page:(?P<page>[0-9]{1,4})"):
    """Shows a further page of styles; works after a restart."""

    def __init__(self, page: int) -> None:
        super().__init__(Button(label="More styles", emoji="🔽", custom_id=f"drs:page:{page}"))
        self.page = page

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id."""
        return cls(int(match["page"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Say that page."""
        async with Answer(interaction, ephemeral=True) as answer:
            page = functools.partial(style_page, interaction.client, number=self.page)
            await answer.page(page, interaction.filesize_limit, is_private=True)


async def style_page(client: Darkroom, limit: int, *, number: int = 0) -> Page:
    """As many styles as fit into a message, with their thumbnails where the host gave them."""
    styles = client.services.settings.styles
    if not styles:
        return Page("No styles are set up here.")
    pages = _pages(styles)
    number = min(number, len(pages) - 1)
    names = pages[number]
    chosen = {name: styles[name] for name in names}
    view = View(timeout=None)
    view.add_item(StyleMenu(chosen))
    if number + 1 < len(pages):
        view.add_item(StylePageButton(number + 1))
    view.stop()
    head = [f"Styles, page {number + 1} of {len(pages)} ({len(styles)} in all)"] if len(pages) > 1 else []
    text = "\n".join([*head, *(_line(name, style) for name, style in chosen.items())])
    return Page(text, await _samples(client, chosen, limit), view)


def _pages(styles: Mapping[str, StyleSettings]) -> Sequence[Sequence[str]]:
    """The names of each page: no more than a menu and a message take."""
    pages: list[list[str]] = [[]]
    length = 0
    for name, style in styles.items():
        line = len(_line(name, style)) + 1
        if len(pages[-1]) == MENU or length + line > texts.MESSAGE_LIMIT - _HEAD:
            pages.append([])
            length = 0
        pages[-1].append(name)
        length += line
    return pages


def _line(name: str, style: StyleSettings) -> str:
    return shorten(f"`--style {quoted(name)}` {texts.safe(style.description)}".rstrip(), _LINE)


async def _samples(client: Darkroom, styles: Mapping[str, StyleSettings], limit: int) -> tuple[Upload, ...]:
    shown = [(name, style.thumbnail) for name, style in styles.items() if style.thumbnail is not None]
    if not shown:
        return ()
    pictures = await client.services.drawing.run(_read, [thumbnail for _, thumbnail in shown])
    sheet = await client.services.drawing.run(contact_sheet, pictures, limit)
    alt = f"Samples, left to right, top to bottom: {', '.join(name for name, _ in shown)}"
    return (Upload("darkroom-styles.webp", sheet, alt[: texts.ALT_LIMIT]),)


def _read(paths: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]


async def styled(interaction: Pressed, about: str, filled: Filled) -> None:
    """Draw in the style that was chosen."""
    async with Answer(interaction) as answer:
        styles = interaction.client.services.settings.styles
        name = with_short_name(styles, about) or about
        asked = [await submission.read(interaction, text, style=name) for text in expand(filled.prompt)]
        await submit_each(interaction, answer, asked, lambda one: submission.spec(Verb.IMAGINE, one))
