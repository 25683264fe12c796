"""`/settings`: what a member wants by default."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import discord
from discord import app_commands
from discord.app_commands import Choice, Range, locale_str
from discord.ext import commands

from bot.commands.imagine import choices
from bot.domain.model import Preferences, ResultForm
from bot.domain.prompting.option_sets import suffix_options
from bot.domain.prompting.prompt import parse
from bot.domain.prompting.short_names import short_name, with_short_name
from bot.errors import BadOption
from bot.ui.content import texts
from bot.ui.content.choice_form import Menus, Option, SettingsForm
from bot.ui.content.custom_ids import FormId, FormKind
from bot.ui.content.modals import Filled
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import place_of
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.lists import require_lists
from bot.ui.interactions.usable import require_usable
from engine import UnknownModel

NOTHING = "none"
"""What to type to empty a setting."""
_FORMS: Mapping[ResultForm | None, str] = {
    "album": "to swipe through", "grid": "as one picture", None: "as the server says",
}  # fmt: skip


class MySettings(commands.Cog):
    """A member's own defaults: model, aspect ratio, suffix, remix mode, notification, consent."""

    @app_commands.command(name="settings", description=locale_str("Your defaults; without options a form opens"))
    @app_commands.describe(
        model=locale_str('The model to use; "none" for the default'),
        aspect=locale_str('Width to height, for example 3:2; "none" for the model\'s own'),
        suffix=locale_str('Words and flags behind every prompt; "none" to empty it'),
        remix=locale_str("Ask for a new prompt when varying or drawing again"),
        notify=locale_str("Ping me when a picture is ready"),
        share=locale_str("Who may press the buttons under my pictures"),
        share_role=locale_str("The role whose members may, when shared with a role"),
        results=locale_str("Four pictures to swipe through, or all as one picture"),
    )
    @everywhere
    async def settings(
        self,
        interaction: Pressed,
        model: str | None = None,
        aspect: Range[str, 3, 11] | None = None,
        suffix: Range[str, 1, 500] | None = None,
        remix: bool | None = None,
        notify: bool | None = None,
        share: Literal["all", "role", "ask", "me"] | None = None,
        share_role: discord.Role | None = None,
        results: Literal["album", "grid", "server"] | None = None,
    ) -> None:
        """Store the given settings, and show all of them."""
        services = interaction.client.services
        given = (model, aspect, suffix, remix, notify, share, share_role, results)
        is_asked = all(value is None for value in given)
        async with Answer(interaction, ephemeral=True, may_ask=is_asked) as answer:
            if is_asked:
                preferences = await services.members.preferences(interaction.user.id)
                await answer.modal(_form(preferences, services.models(), await _usual(interaction)))
                return
            changes = {
                **_words(model, aspect, suffix, services.models()),
                **_given(remix=remix, notify=notify, share=share, share_role=share_role and share_role.id),
                **({} if results is None else {"results": None if results == "server" else results}),
            }
            await _store(interaction, answer, changes)

    @settings.autocomplete("model")
    async def models(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """The host's models."""
        return choices([NOTHING, *interaction.client.services.models()], typed)


async def filled_in(interaction: Pressed, about: str, filled: Filled) -> None:
    """Store what the form says, and show all settings."""
    async with Answer(interaction, ephemeral=True) as answer:
        models, picked = interaction.client.services.models(), filled.picked
        named = next(iter(picked.get("model", ())), None)
        model = NOTHING if named is None else with_short_name(models, named) or named
        shape = next(iter(picked.get("shape", ())), NOTHING).removeprefix("shape:")
        switches, shares = picked.get("switches", ()), picked.get("share", ())
        form: ResultForm = "album" if "album" in switches else "grid"
        changes = {
            **_words(model if "model" in picked else None, shape, filled.prompt.strip() or NOTHING, models),
            "remix": "remix" in switches,
            "notify": "notify" in switches,
            "results": None if form == await _usual(interaction) else form,
            **_given(share=shares[0].removeprefix("share:") if shares else None),
        }
        await _store(interaction, answer, changes)


async def _store(interaction: Pressed, answer: Answer, changes: Mapping[str, object]) -> None:
    """Store the changes, and show all settings."""
    await _check_suffix(interaction, changes)
    members = interaction.client.services.members
    preferences = await members.change(interaction.user.id, functools.partial(_changed, changes))
    await answer.private(_told(interaction, preferences))


async def _usual(interaction: Pressed) -> ResultForm:
    """How results are shown here of members who said nothing."""
    services = interaction.client.services
    rules = await services.rules.get(place_of(interaction).rules_id)
    return rules.results or services.settings.discord.results


def _form(preferences: Preferences, models: Sequence[str], usual: ResultForm) -> SettingsForm:
    """The form, filled with what is set."""
    chosen = {name for name in ("remix", "notify") if getattr(preferences, name)}
    chosen |= {preferences.results or usual}
    chosen |= {f"share:{preferences.share}"} | ({short_name(preferences.model)} if preferences.model else set())
    chosen |= {"shape:{}:{}".format(*preferences.aspect)} if preferences.aspect else set()
    menus = Menus(tuple(Option(short_name(name), name) for name in models), chosen=frozenset(chosen))
    return SettingsForm("Your defaults", FormId(FormKind.SETTINGS, ""), preferences.suffix, menus=menus)


async def _check_suffix(interaction: Pressed, changes: Mapping[str, Any]) -> None:
    """Raise where every prompt with that suffix would be refused."""
    if suffix := changes.get("suffix"):
        await require_usable(interaction, suffix_options(suffix))
        await require_lists(interaction, suffix)


def _told(interaction: Pressed, preferences: Preferences) -> str:
    """All settings, and what to know of a model that draws from no words alone."""
    models = interaction.client.services.engine.models() if preferences.model else ()
    need = next((spec.need for spec in models if spec.name == preferences.model), "words")
    what = {"picture": "from a picture", "mask": "inside a mask", "control": "from a control picture"}.get(need)
    warning = f"\n⚠️ {preferences.model} draws only {what}: prompts without one need `--model`." if what else ""
    return shown(preferences) + warning


def shown(preferences: Preferences) -> str:
    """All settings in words."""
    aspect = "the model's own" if preferences.aspect is None else "{}:{}".format(*preferences.aspect)
    said = {"all": "everybody", "ask": "whoever I let when they ask", "me": "only me"}
    said["role"] = f"<@&{preferences.share_role}>"
    shared = said[preferences.share] if preferences.share else "as the server says"
    return "\n".join(
        (
            f"Model: **{preferences.model or 'the default'}**",
            f"Aspect: **{aspect}**",
            f"Suffix: {texts.safe(preferences.suffix) or '–'}",
            f"Remix mode: **{'on' if preferences.remix else 'off'}**",
            f"Ping when ready: **{'on' if preferences.notify else 'off'}**",
            f"Who may press my buttons: {shared}",
            f"Four pictures: **{_FORMS[preferences.results]}**",
        )
    )


def _changed(changes: Mapping[str, object], before: Preferences) -> Preferences:
    preferences = before.model_copy(update=changes)
    if preferences.share == "role" and preferences.share_role is None:
        raise BadOption("share", "say which role with share_role")
    return preferences


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _words(model: str | None, aspect: str | None, suffix: str | None, models: Any) -> dict[str, Any]:
    """What was typed, checked. Raises `BadOption` and `UnknownModel`."""
    changes: dict[str, Any] = {}
    if model is not None:
        if model != NOTHING and model not in models:
            raise UnknownModel(model, tuple(models))
        changes["model"] = None if model == NOTHING else model
    if aspect is not None:
        changes["aspect"] = None if aspect == NOTHING else parse("x", aspect=aspect).aspect
    if suffix is not None:
        changes["suffix"] = "" if suffix == NOTHING else suffix
    return changes
