"""The page members choose a style from: thumbnails of the host, and a menu that asks for the words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import discord
from discord.ui import DynamicItem, Select, View

from bot.domain.model import Verb
from bot.domain.prompt import shorten
from bot.errors import BadOption
from bot.settings import StyleSettings
from bot.ui import asking, texts
from bot.ui.answer import Answer, Pressed
from bot.ui.custom_ids import FormId, FormKind
from bot.ui.darkroom import Darkroom
from bot.ui.drawing import contact_sheet
from bot.ui.modals import Filled, Form
from bot.ui.page import Page, Upload

MENU = 25
_CUSTOM_ID = "drs:style"


class StyleMenu(DynamicItem[Select[View]], template=_CUSTOM_ID):
    """Choose a style, then say what to draw in it; works after a restart."""

    def __init__(self, styles: Mapping[str, StyleSettings]) -> None:
        options = [
            discord.SelectOption(label=name[:100], value=name[:100], description=style.description[:100] or None)
            for name, style in list(styles.items())[:MENU]
        ]
        super().__init__(Select(custom_id=_CUSTOM_ID, placeholder="Choose a style", options=options))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the menu; what was chosen stands in the interaction."""
        return cls(interaction.client.parts.settings.styles)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Ask for the words."""
        name = self.item.values[0]
        async with Answer(interaction, ephemeral=True, may_ask=True) as answer:
            if name not in interaction.client.parts.settings.styles:
                raise BadOption(name, "that style is not there any more; see `/style list`")
            await answer.modal(Form(f"Imagine in {name}", FormId(FormKind.STYLE, name), ""))


async def style_page(client: Darkroom, limit: int) -> Page:
    """All styles with their thumbnails, where the host gave them."""
    styles = client.parts.settings.styles
    if not styles:
        return Page("No styles are set up here.")
    shown = [(name, style) for name, style in styles.items() if style.thumbnail is not None][:MENU]
    lines = [f"`--style {name}` {texts.safe(style.description)}" for name, style in styles.items()]
    view = View(timeout=None)
    view.add_item(StyleMenu(styles))
    view.stop()
    uploads: tuple[Upload, ...] = ()
    if shown:
        pictures = await client.parts.drawing.run(_read, [style.thumbnail for _, style in shown if style.thumbnail])
        sheet = await client.parts.drawing.run(contact_sheet, pictures, limit)
        alt = f"Samples, left to right, top to bottom: {', '.join(name for name, _ in shown)}"
        uploads = (Upload("darkroom-styles.webp", sheet, alt[: texts.ALT_LIMIT]),)
    return Page(shorten("\n".join(lines), texts.MESSAGE_LIMIT), uploads, view)


def _read(paths: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]


async def styled(interaction: Pressed, about: str, filled: Filled) -> None:
    """Draw in the style that was chosen. A very long name is cut in the form's id."""
    async with Answer(interaction) as answer:
        styles = interaction.client.parts.settings.styles
        name = next((name for name in styles if str(FormId(FormKind.STYLE, name)).endswith(f":{about}")), about)
        options = await asking.read(interaction, filled.prompt, style=name)
        await asking.submit(interaction, answer, asking.spec(Verb.IMAGINE, options))
