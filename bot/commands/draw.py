"""`/draw`: the form of `/imagine`, with menus in place of flags; made for phones."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.commands.imagine import begin, reader
from bot.domain.model import Options, Preferences
from bot.domain.prompting.flags import render_flags
from bot.domain.prompting.prompt import expand, parse
from bot.domain.prompting.quotes import quoted
from bot.domain.prompting.short_names import short_name, with_short_name
from bot.errors import BadOption
from bot.ui.content.choice_form import ImagineForm, Menus, Option
from bot.ui.content.custom_ids import ButtonId, FormId, FormKind
from bot.ui.content.modals import Filled
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.kept_styles import style_offers
from bot.ui.interactions.offers import Shelf, offers_of


class Draw(commands.Cog):
    """A form; what is filled in goes the way of `/imagine`.

    It is a command of its own: were the prompt of `/imagine` optional, Discord would no longer put the cursor into it.
    """

    @app_commands.command(name="draw", description=locale_str("Make pictures with a form: menus in place of flags"))
    @everywhere
    async def draw(self, interaction: Pressed) -> None:
        """Open the form."""
        async with Answer(interaction, may_ask=True) as answer:
            await ask(interaction, answer)


async def pressed(interaction: Pressed, button: ButtonId) -> None:
    """*Imagine…* under results and in the help: the form."""
    async with Answer(interaction, may_ask=True) as answer:
        await ask(interaction, answer)


async def ask(interaction: Pressed, answer: Answer) -> None:
    """Open the form, filled with what the member chose last."""
    shown = _last(await submission.preferences_of(interaction))
    form = ImagineForm("Imagine", FormId(FormKind.IMAGINE, ""), "", menus=await _menus(interaction, shown))
    await answer.modal(form)


async def imagined(interaction: Pressed, about: str, filled: Filled) -> None:
    """Read the form, remember its choices, and begin as `/imagine` does."""
    async with Answer(interaction) as answer:
        chosen = await _chosen(interaction, filled)
        reading = await reader(interaction, has_picture=bool(filled.pictures), has_control=False, **chosen)
        flags = " ".join(f"--lora {quoted(lora)}" for lora in await _loras(interaction, filled))
        text = await submission.rolled(interaction, " ".join(filter(None, (filled.prompt, flags))))
        with contextlib.suppress(BadOption):  # what is refused is not remembered; `begin` says why, or translates it
            reading(expand(text)[0])
            await _remember(interaction, _options(flags, chosen))
        await begin(interaction, answer, text, reading, image=next(iter(filled.pictures), None))


async def _menus(interaction: Pressed, shown: Options) -> Menus:
    models = interaction.client.services.models()
    styles, loras = await style_offers(interaction), await offers_of(interaction.client, Shelf.LORA)
    looks = [Option(f"style:{short_name(offer.name)}", offer.name, "style") for offer in styles]
    looks += [Option(f"lora:{short_name(offer.name)}", offer.name, offer.hint or "LoRA") for offer in loras]
    chosen = {f"lora:{short_name(name)}" for name, _ in shown.loras}
    chosen |= {f"style:{short_name(shown.style)}"} if shown.style else set()
    chosen |= {short_name(shown.model)} if shown.model else set()
    chosen |= {"shape:{}:{}".format(*shown.aspect)} if shown.aspect else set()
    offered = tuple(Option(short_name(name), name) for name in models) if len(models) > 1 else ()
    return Menus(offered, tuple(looks), frozenset(chosen))


async def _chosen(interaction: Pressed, filled: Filled) -> dict[str, str | None]:
    """Return model, shape and style as options of a command. Raises `BadOption` for two styles."""
    models = interaction.client.services.models()
    styles = _named(filled, "style")
    if len(styles) > 1:
        raise BadOption("style", "one at a time; LoRAs go together with it")
    model, shape = next(iter(filled.picked.get("model", ())), None), next(iter(filled.picked.get("shape", ())), None)
    return {
        "model": None if model is None else with_short_name(models, model) or model,
        "aspect": None if shape is None else shape.removeprefix("shape:"),
        "style": next(iter(styles), None),
    }


async def _loras(interaction: Pressed, filled: Filled) -> list[str]:
    """Return the chosen LoRAs as they stand behind their flag. Raises `BadOption` for one that is gone."""
    offers = {offer.name: offer for offer in await offers_of(interaction.client, Shelf.LORA)}
    found: list[str] = []
    for short in _named(filled, "lora"):
        name = with_short_name(offers, short)
        if name is None:
            raise BadOption(f"--lora {short}"[:60], "that LoRA is not there any more; see `/loras`")
        found.append(offers[name].value or f"{name}:1")
    return found


def _named(filled: Filled, kind: str) -> list[str]:
    return [look.removeprefix(f"{kind}:") for look in filled.picked.get("look", ()) if look.startswith(f"{kind}:")]


def _options(flags: str, picked: Mapping[str, str | None]) -> Options:
    return parse(flags, needs_words=False, model=picked["model"], aspect=picked["aspect"], style=picked["style"])


def _last(preferences: Preferences) -> Options:
    try:
        return parse(preferences.form, needs_words=False)
    except BadOption:  # written by another version
        return Options(prompt="")


async def _remember(interaction: Pressed, options: Options) -> None:
    """Keep the choices for the member's next form."""
    form = render_flags(options)
    await interaction.client.services.members.change(
        interaction.user.id, lambda before: before.model_copy(update={"form": form})
    )
