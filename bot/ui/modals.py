"""Questions that need a form: a new prompt, a region, a canvas. What to do with the answer is given by the caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord import CheckboxGroupOption, TextStyle
from discord.ui import CheckboxGroup, FileUpload, Label, Modal, TextInput

from bot.ui.answer import Pressed

TIMEOUT_S = 15 * 60.0
PROMPT_CHARS = 4000
_NINTHS = (
    "top left", "top middle", "top right",
    "middle left", "centre", "middle right",
    "bottom left", "bottom middle", "bottom right",
)  # fmt: skip


class PromptModal(Modal):
    """Asks for a prompt, starting from the one there is."""

    def __init__(self, title: str, prompt: str, then: Callable[[Pressed, str], Awaitable[None]]) -> None:
        super().__init__(title=title, timeout=TIMEOUT_S)
        self._then = then
        self.prompt: TextInput[Any] = _prompt_input(prompt)
        self.add_item(Label(text="Prompt", component=self.prompt))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Go on with the words."""
        await self._then(interaction, self.prompt.value)


class ZoomModal(Modal):
    """Asks how far to zoom out, and what to draw around."""

    def __init__(self, prompt: str, then: Callable[[Pressed, str, str], Awaitable[None]]) -> None:
        super().__init__(title="Custom zoom", timeout=TIMEOUT_S)
        self._then = then
        self.zoom: TextInput[Any] = TextInput(custom_id="zoom", default="1.75", max_length=5)
        self.prompt: TextInput[Any] = _prompt_input(prompt)
        self.add_item(Label(text="Zoom", description="From 1.1 to 4", component=self.zoom))
        self.add_item(Label(text="Prompt", component=self.prompt))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Go on with the factor and the words."""
        await self._then(interaction, self.zoom.value, self.prompt.value)


class RegionModal(Modal):
    """Asks what to draw where: ninths to tick on a phone, or a mask painted white on black."""

    def __init__(
        self, prompt: str, then: Callable[[Pressed, str, list[int], discord.Attachment | None], Awaitable[None]]
    ) -> None:
        super().__init__(title="Vary region", timeout=TIMEOUT_S)
        self._then = then
        self.prompt: TextInput[Any] = _prompt_input(prompt)
        options = [CheckboxGroupOption(label=name, value=str(number)) for number, name in enumerate(_NINTHS)]
        self.ninths: CheckboxGroup[Any] = CheckboxGroup(
            custom_id="ninths", options=options, required=False, min_values=0, max_values=len(_NINTHS)
        )
        self.mask: FileUpload[Any] = FileUpload(custom_id="mask", required=False, min_values=0, max_values=1)
        self.add_item(Label(text="Prompt for the region", component=self.prompt))
        self.add_item(Label(text="Which parts", description="The rest stays exactly as it is", component=self.ninths))
        self.add_item(
            Label(text="Or a mask", description="A picture of the same shape: white is drawn anew", component=self.mask)
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Go on with the words and the region."""
        ninths = [int(value) for value in self.ninths.values]
        await self._then(interaction, self.prompt.value, ninths, next(iter(self.mask.values), None))


def _prompt_input(prompt: str) -> TextInput[Any]:
    return TextInput(
        custom_id="prompt", style=TextStyle.paragraph, default=prompt[:PROMPT_CHARS], max_length=PROMPT_CHARS
    )
