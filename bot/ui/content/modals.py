"""Forms (modals) for a prompt, a region or a canvas. The form's id says what its answer is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import discord
from discord import CheckboxGroupOption, RadioGroupOption, TextStyle
from discord.ui import CheckboxGroup, FileUpload, Label, Modal, RadioGroup, TextInput

from bot.domain.games.game import LINE_CHARS as GAME_LINE_CHARS
from bot.domain.model import LONGEST_NAME, ExpressionKind, Slots
from bot.ui.content.custom_ids import FormId

PROMPT_CHARS = 4000
LINE_CHARS = 100
MAX_FIELDS = 3
"""For the prompt; a form has five in all."""
MAX_PICTURES = 2
"""Beside the one that is edited."""
_NINTHS = (
    "top left", "top middle", "top right",
    "middle left", "centre", "middle right",
    "bottom left", "bottom middle", "bottom right",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filled:
    """What somebody wrote into a form."""

    prompt: str
    zoom: str = ""
    ninths: tuple[int, ...] = ()
    mask: discord.Attachment | None = None
    pictures: tuple[discord.Attachment, ...] = ()
    strength: str = ""
    credit: str = ""
    picked: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """What was chosen in menus, by their names."""
    choice: str = ""


class Form(Modal):
    """A modal that outlives restarts: it is built anew from its id when it comes back."""

    asks_words_first = False
    """Whether the prompt stands above what else is asked."""

    def __init__(self, title: str, form_id: FormId, prompt: str, label: str = "Prompt", fields: int = 1) -> None:
        """`fields` for the prompt at least, of at most `MAX_FIELDS`."""
        super().__init__(title=title[:45], custom_id=str(form_id), timeout=None)
        self.form_id = form_id
        self.prompt = _inputs(prompt, fields)
        if not self.asks_words_first:
            self.more()
        for number, part in enumerate(self.prompt):
            self.add_item(Label(text=f"{label}, continued" if number else label, component=part))
        if self.asks_words_first:
            self.more()
        # A stopped modal is shown but not remembered: what comes back is found by its id, in this process or the next.
        self.stop()

    def more(self) -> None:
        """Add what is asked besides the prompt."""

    def filled(self) -> Filled:
        """The answers, once it was submitted."""
        return Filled(self.words)

    @property
    def words(self) -> str:
        """What stands in the fields for the prompt, once it was submitted."""
        return " ".join(filter(None, (part.value for part in self.prompt)))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Hand the answers to the function that the client has for this kind of form."""
        await interaction.client.fill(interaction, self.form_id, self.filled())


class ZoomForm(Form):
    """Asks how far to zoom out, and what to draw around."""

    def more(self) -> None:
        """The factor."""
        self.zoom: TextInput[Any] = TextInput(custom_id="zoom", default="1.75", max_length=5)
        self.add_item(Label(text="Zoom", description="From 1.1 to 4", component=self.zoom))

    def filled(self) -> Filled:
        """The factor as written, and the words."""
        return Filled(self.words, zoom=self.zoom.value)


class LineForm(Form):
    """Asks for one short line."""

    chars = LINE_CHARS

    def __init__(self, title: str, form_id: FormId, prompt: str, label: str = "Line", fields: int = 1) -> None:
        """One field, whatever `fields` says."""
        super().__init__(title, form_id, prompt, label)
        for part in self.prompt:
            part.style, part.max_length = TextStyle.short, self.chars


class GameForm(LineForm):
    """Asks for a line of a game: a secret, a fake, or what is seen."""

    chars = GAME_LINE_CHARS


class RegionForm(Form):
    """Asks what to draw where: ninths to tick on a phone, or a mask painted white on black."""

    def more(self) -> None:
        """The two ways to say where."""
        options = [CheckboxGroupOption(label=name, value=str(number)) for number, name in enumerate(_NINTHS)]
        self.ninths: CheckboxGroup[Any] = CheckboxGroup(
            custom_id="ninths", options=options, required=False, min_values=0, max_values=len(_NINTHS)
        )
        self.mask: FileUpload[Any] = FileUpload(custom_id="mask", required=False, min_values=0, max_values=1)
        self.add_item(Label(text="Which parts", description="The rest stays exactly as it is", component=self.ninths))
        self.add_item(
            Label(text="Or a mask", description="A picture of the same shape: white is drawn anew", component=self.mask)
        )

    def filled(self) -> Filled:
        """The words and the region."""
        ninths = tuple(number for number, _ in enumerate(_NINTHS) if str(number) in self.ninths.values)
        return Filled(self.words, ninths=ninths, mask=next(iter(self.mask.values), None))


class EditForm(Form):
    """Asks what to change, and for pictures that the words speak of."""

    asks_words_first = True

    def __init__(
        self, title: str, form_id: FormId, prompt: str, label: str = "What to change", fields: int = 1
    ) -> None:
        super().__init__(title, form_id, prompt, label, fields)

    def more(self) -> None:
        """The further pictures."""
        self.pictures: FileUpload[Any] = FileUpload(
            custom_id="pictures", required=False, min_values=0, max_values=MAX_PICTURES
        )
        says = "Pictures that your words speak of, for models that take several"
        self.add_item(Label(text="More pictures", description=says, component=self.pictures))

    def filled(self) -> Filled:
        """The words and the pictures."""
        return Filled(self.words, pictures=tuple(self.pictures.values))


class BranchForm(Form):
    """Asks for the words of a branch, how far it may go, and a line of credit."""

    asks_words_first = True

    def more(self) -> None:
        """The strength and the line."""
        self.strength: TextInput[Any] = TextInput(custom_id="strength", default="0.55", max_length=5)
        self.credit: TextInput[Any] = TextInput(custom_id="credit", max_length=LINE_CHARS, required=False)
        says = "How far from the picture: 0 keeps it, 1 ignores it"
        self.add_item(Label(text="Strength", description=says, component=self.strength))
        says = "What you liked; it stands below what comes of it"
        self.add_item(Label(text="Credit", description=says, component=self.credit))

    def filled(self) -> Filled:
        """The words, the strength as written, and the line."""
        return Filled(self.words, strength=self.strength.value, credit=self.credit.value)


class ExpressionForm(LineForm):
    """Asks for the name of an emoji or a sticker, and which of them it shall be."""

    asks_words_first = True
    chars = max(LONGEST_NAME.values())

    def __init__(
        self,
        title: str,
        form_id: FormId,
        prompt: str,
        label: str = "Name",
        fields: int = 1,
        slots: Sequence[Slots] = tuple(Slots(kind=kind, used=0, limit=0) for kind in ExpressionKind),
    ) -> None:
        """`slots`: how many of each kind the server has and may have."""
        self._slots = slots
        super().__init__(title, form_id, prompt, label)

    def more(self) -> None:
        """Emoji or sticker, with how many are used."""
        first_free = next((each.kind for each in self._slots if not each.is_full), None)
        options = [
            RadioGroupOption(
                label=each.kind.value.capitalize(),
                value=each.kind.value,
                description=f"{each.used} of {each.limit} are used{', none is free' if each.is_full else ''}",
                default=each.kind is first_free,
            )
            for each in self._slots
        ]
        self.kind: RadioGroup[Any] = RadioGroup(custom_id="kind", options=options)
        self.add_item(Label(text="Use it as", component=self.kind))

    def filled(self) -> Filled:
        """The name and the kind."""
        return Filled(self.words, choice=self.kind.value or "")


def _inputs(prompt: str, fields: int) -> list[TextInput[Any]]:
    """Discord's fields are shorter than a prompt with its flags may be: what does not fit stands in further ones."""
    parts = _pieces(prompt)
    parts += [""] * (fields - len(parts))
    names = ["prompt", *(f"prompt{number}" for number in range(2, len(parts) + 1))]
    return [
        TextInput(
            custom_id=name, style=TextStyle.paragraph, default=part, max_length=PROMPT_CHARS, required=name == names[0]
        )
        for name, part in zip(names, parts, strict=True)
    ]


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    while len(text) > PROMPT_CHARS and len(pieces) < MAX_FIELDS - 1:
        end = text.rfind(" ", 1, PROMPT_CHARS + 1)
        end = PROMPT_CHARS if end < 0 else end
        pieces.append(text[:end])
        text = text[end:].lstrip(" ")
    return [*pieces, text[:PROMPT_CHARS]]
