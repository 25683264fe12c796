"""Names and descriptions of commands in other languages, from `bot/locales/*.toml`; English stands in the code."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as At

LOCALES: Mapping[discord.Locale, str] = MappingProxyType(
    {
        discord.Locale.german: "de",
        discord.Locale.french: "fr",
        discord.Locale.spain_spanish: "es-ES",
        discord.Locale.japanese: "ja",
    }
)
_NAMES = frozenset({At.command_name, At.group_name, At.parameter_name, At.choice_name})


@dataclass(frozen=True, slots=True)
class TranslationTable:
    """One language: what commands and options are called, and what is said about them."""

    names: Mapping[str, str]
    texts: Mapping[str, str]


def lexicons() -> dict[discord.Locale, TranslationTable]:
    """Every language there is a file for."""
    return {locale: _read(name) for locale, name in LOCALES.items()}


class Translator(app_commands.Translator):
    """Answers from files read once; what is missing stays English."""

    def __init__(self) -> None:
        self._lexicons = lexicons()

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """The word in that language, or None for English."""
        lexicon = self._lexicons.get(locale)
        if lexicon is None:
            return None
        return (lexicon.names if context.location in _NAMES else lexicon.texts).get(string.message)


@functools.cache
def _read(name: str) -> TranslationTable:
    file = resources.files("bot").joinpath("locales", f"{name}.toml")
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return TranslationTable(names=tables["names"], texts=tables["texts"])
