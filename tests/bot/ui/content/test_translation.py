from __future__ import annotations

import discord
import pytest
import regex
from discord import app_commands

from bot.ui.content.translation import LOCALES, lexicons
from bot.ui.interactions.command_sync import command_payload
from tests.bot.world import World

TYPED = {"command_name", "group_name", "parameter_name"}
NAME = regex.compile(r"^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$")


class Listener(app_commands.Translator):
    """Notes everything that asks to be translated."""

    def __init__(self) -> None:
        self.heard: set[tuple[str, str]] = set()

    async def translate(self, string, locale, context):
        self.heard.add((context.location.name, string.message))


async def heard(world: World) -> set[tuple[str, str]]:
    listener = Listener()
    for command in world.env.bot.tree.get_commands():
        await command.get_translated_payload(world.env.bot.tree, listener)
    return listener.heard


async def test_every_language_has_each_string_and_none_too_many(world: World) -> None:
    strings = await heard(world)
    names = {string for location, string in strings if location.endswith("name")}
    texts = {string for location, string in strings if not location.endswith("name")}
    for locale, lexicon in lexicons().items():
        missing = {"names": names - set(lexicon.names), "texts": texts - set(lexicon.texts)}
        spare = {"names": set(lexicon.names) - names, "texts": set(lexicon.texts) - texts}
        assert not any(missing.values()), f"{LOCALES[locale]} lacks {missing}"
        assert not any(spare.values()), f"{LOCALES[locale]} has too much: {spare}"


async def test_languages_without_a_file_have_no_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of the bot do not ask for them."""
    spoken = await command_payload(world.env.bot.tree)
    for module in ("commands", "transformers"):
        monkeypatch.setattr(f"discord.app_commands.{module}.Locale", discord.Locale)
    assert await command_payload(world.env.bot.tree) == spoken
    assert {locale for one in spoken for locale in one["name_localizations"]} == set(map(str, LOCALES))


@pytest.mark.parametrize("locale", LOCALES, ids=str)
async def test_translations_keep_to_the_limits(world: World, locale: discord.Locale) -> None:
    lexicon = lexicons()[locale]
    typed = {string for location, string in await heard(world) if location in TYPED}
    for english, name in lexicon.names.items():
        if english.startswith("Darkroom: "):
            assert 1 <= len(name) <= 32
        elif english in typed:
            assert NAME.match(name) and name == name.lower(), name
        else:
            assert 1 <= len(name) <= 100
    assert all(1 <= len(text) <= 100 for text in lexicon.texts.values())


async def test_options_of_a_command_differ_in_every_language(world: World) -> None:
    def clashes(node: dict) -> None:
        options = node.get("options") or []
        for locale in map(str, LOCALES):
            names = [(option.get("name_localizations") or {}).get(locale, option["name"]) for option in options]
            assert len(names) == len(set(names)), (node["name"], names)
        for option in options:
            clashes(option)

    commands = [dict(payload) for payload in await command_payload(world.env.bot.tree)]
    for command in commands:
        clashes(command)
    for locale in map(str, LOCALES):
        names = [(one.get("name_localizations") or {}).get(locale, one["name"]) for one in commands]
        assert len(names) == len(set(names))


async def test_no_command_is_longer_than_discord_takes(world: World) -> None:
    def longest(node: dict, field: str) -> int:
        texts = [node.get(field) or "", *(node.get(f"{field}_localizations") or {}).values()]
        return max(map(len, texts))

    def size(node: dict) -> int:
        own = longest(node, "name") + longest(node, "description") + len(str(node.get("value", "")))
        return own + sum(map(size, [*(node.get("options") or []), *(node.get("choices") or [])]))

    for command in await command_payload(world.env.bot.tree):
        assert size(dict(command)) <= 8000, command["name"]
