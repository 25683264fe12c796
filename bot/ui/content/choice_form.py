"""Forms with menus for phones: *Imagine* (prompt, model, shape, look, picture) and *Settings*."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from discord import CheckboxGroupOption, SelectOption, TextStyle
from discord.ui import CheckboxGroup, FileUpload, Label, Select

from bot.domain.prompting.prompt import shorten
from bot.ui.content.custom_ids import FormId
from bot.ui.content.modals import Filled, Form

MOST_OPTIONS = 25
MOST_LOOKS = 4
SHAPES = (
    ("1:1", "Square"), ("3:2", "Landscape"), ("16:9", "Wide"), ("2:3", "Portrait"), ("9:16", "Tall"),
    ("4:3", "Landscape"), ("3:4", "Portrait"), ("2:1", "Panorama"),
)  # fmt: skip
SWITCHES = (
    ("remix", "Ask for a new prompt before V and 🔄"), ("notify", "Ping me when a picture is ready"),
    ("album", "Show four pictures to swipe through"),
)  # fmt: skip
SHARES = (("all", "Everybody"), ("ask", "Whoever asks me, and I say yes"), ("me", "Only me"))


@dataclass(frozen=True, slots=True)
class Option:
    """One line of a menu."""

    value: str
    label: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Menus:
    """What the menus offer, and what is chosen in them."""

    models: tuple[Option, ...] = ()
    looks: tuple[Option, ...] = ()
    chosen: frozenset[str] = frozenset()
    """The values that are chosen already, of all menus."""


class ChoiceForm(Form):
    """A form with menus; built from its id alone it has empty ones, which read what was submitted."""

    asks_words_first = True

    def __init__(
        self, title: str, form_id: FormId, prompt: str, label: str = "", fields: int = 1, menus: Menus | None = None
    ) -> None:
        """One field for the words, whatever `fields` says. `menus` is None for a form that only reads."""
        self.menus, self.selects = menus, dict[str, Select[Any]]()
        super().__init__(title, form_id, prompt, label or self.words_label)

    words_label = "Prompt"

    def menu(self, name: str, label: str, options: Sequence[Option], hint: str = "", *, most: int = 1) -> None:
        """Add a menu in which nothing must be chosen; none where there is nothing to choose from."""
        if self.menus is not None and not options:
            return
        select: Select[Any] = Select(
            custom_id=name,
            options=list(self._lines(options)),
            required=False,
            min_values=0,
            max_values=max(1, min(most, len(options))) if self.menus else most,
        )
        self.selects[name] = select
        self.add_item(Label(text=label, description=hint or None, component=select))

    def _lines(self, options: Sequence[Option]) -> Iterable[SelectOption]:
        chosen = self.menus.chosen if self.menus else frozenset[str]()
        kept = sorted(options, key=lambda option: option.value not in chosen)[:MOST_OPTIONS]
        for option in options:
            if option in kept:
                yield SelectOption(
                    label=shorten(option.label, 100),
                    value=option.value,
                    description=shorten(option.hint, 100) or None,
                    default=option.value in chosen,
                )

    @property
    def shapes(self) -> list[Option]:
        """The usual aspect ratios, and the one that is chosen where it is another."""
        usual = [Option(f"shape:{ratio}", ratio, name) for ratio, name in SHAPES]
        chosen = self.menus.chosen if self.menus else frozenset[str]()
        others = {value for value in chosen if value.startswith("shape:")} - {option.value for option in usual}
        return [*usual, *(Option(value, value.removeprefix("shape:")) for value in sorted(others))]

    def picked(self) -> dict[str, tuple[str, ...]]:
        """The chosen values by menu."""
        return {name: tuple(select.values) for name, select in self.selects.items()}


class ImagineForm(ChoiceForm):
    """What to draw, with which model, in which shape and look, and from which picture."""

    def more(self) -> None:
        """The menus and the picture."""
        given = self.menus or Menus()
        self.menu("model", "Model", given.models)
        self.menu("shape", "Shape", self.shapes)
        self.menu("look", "Style and LoRAs", given.looks, most=MOST_LOOKS)
        self.picture: FileUpload[Any] = FileUpload(custom_id="picture", required=False, min_values=0, max_values=1)
        self.add_item(Label(text="A picture to start from", component=self.picture))

    def filled(self) -> Filled:
        """The words, the choices and the picture."""
        return Filled(self.words, pictures=tuple(self.picture.values), picked=self.picked())


class SettingsForm(ChoiceForm):
    """A member's defaults. An empty field or menu empties the setting."""

    words_label = "Suffix: behind every prompt"

    def more(self) -> None:
        """Model, shape, switches and consent."""
        given = self.menus or Menus()
        self.prompt[0].required, self.prompt[0].max_length = False, 500
        self.prompt[0].style = TextStyle.short
        self.menu("model", "Model", given.models, "Choose none for the default")
        self.menu("shape", "Shape", self.shapes, "Choose none for the model's own")
        self.switches: CheckboxGroup[Any] = CheckboxGroup(
            custom_id="switches",
            options=[
                CheckboxGroupOption(label=text, value=name, default=name in given.chosen) for name, text in SWITCHES
            ],
            required=False,
            min_values=0,
            max_values=len(SWITCHES),
        )
        self.add_item(Label(text="Switches", component=self.switches))
        shares = [Option(f"share:{value}", text) for value, text in SHARES]
        self.menu("share", "Who may press my buttons", shares, "None keeps what is set")

    def filled(self) -> Filled:
        """The suffix and the choices."""
        return Filled(self.words, picked={**self.picked(), "switches": tuple(self.switches.values)})
