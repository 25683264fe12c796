"""The checks of `darkroom check`: each finding says what is wrong and what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import discord

from bot.direct_rules import direct_rules
from bot.domain.moderation.access import QueueState
from bot.errors import ConfigError
from bot.folders import is_private
from bot.operation import invite
from bot.operation.finding import Finding
from bot.operation.stored_data import check_database, check_pictures
from bot.settings import TOKEN_FORM, Settings
from engine import (
    Catalogue,
    ClusterRefused,
    EngineError,
    LoRACard,
    ModelMissing,
    UnknownModel,
    describe_cluster,
    try_out,
)

MIN_FREE_BYTES = 2 * 1024**3


async def run_all(settings: Settings, *, with_pictures: bool = False) -> list[Finding]:
    """Run every check in order, and compare rows with pictures if asked to; a finding does not stop the others."""
    checks: tuple[Callable[[Settings], Awaitable[Finding | list[Finding]]], ...] = (
        _data_folder,
        _disk,
        check_database,
        *((check_pictures,) if with_pictures else ()),
        _engine,
        _styles,
        _direct_messages,
        _cluster,
        _token,
        _login,
    )
    found = [await check(settings) for check in checks]
    return [finding for each in found for finding in (each if isinstance(each, list) else [each])]


async def _data_folder(settings: Settings) -> Finding:
    folder, there = settings.data_dir, _nearest(settings.data_dir)
    if not there.is_dir() or not os.access(there, os.W_OK):
        remedy = "give the bot's user write access to this folder, or set data_dir (DARKROOM_DATA_DIR)"
        return Finding("data folder", str(folder), remedy)
    if there != folder:
        return Finding("data folder", f"{folder}: made at the first start")
    if not is_private(folder):
        return Finding("data folder", f"{folder}: other users of this machine can read it", f"chmod 700 {folder}")
    return Finding("data folder", str(folder))


def _nearest(folder: Path) -> Path:
    """The folder, or where it is not there yet, the one above it in which it will be made."""
    return next(each for each in (folder, *folder.absolute().parents) if each.exists())


async def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_nearest(settings.data_dir)).free
    remedy = "" if free > MIN_FREE_BYTES else "free some space; a picture of 1024 x 1024 pixels needs about 2 MB"
    return Finding("disk", f"{free / 1024**3:.1f} GiB free", remedy)


async def _engine(settings: Settings) -> list[Finding]:
    """Read the files of models, LoRAs and tools; then load those without a finding in a process of their own."""
    catalogue = Catalogue(settings.engine)
    default = settings.engine.default_model
    names = tuple(dict.fromkeys((default, *settings.engine.models)))
    read = {name: _model(catalogue, name, is_default=name == default) for name in names}
    sound = tuple(name for name, finding in read.items() if finding.is_well)
    tried = {verdict.name: verdict for verdict in await try_out(settings.engine, sound)}
    found: list[Finding] = []
    for name, finding in read.items():
        verdict = tried.pop(f"model {name}", None)
        found.append(finding if verdict is None else replace(finding, found=verdict.found, remedy=verdict.remedy))
    loras = [_lora(catalogue, card) for card in catalogue.loras()]
    return [*found, *loras, *(Finding(each.name, each.found, each.remedy) for each in tried.values())]


def _model(catalogue: Catalogue, name: str, is_default: bool) -> Finding:
    title = "model" if is_default else f"model {name}"
    try:
        spec = catalogue.spec(name)
    except UnknownModel as error:
        return Finding(
            title, str(error), "set engine.default_model to one of them, or add the model to [engine.models]"
        )
    except EngineError as error:
        return Finding(title, str(error), getattr(error, "remedy", "") or "correct it in the configuration")
    if not catalogue.is_present(spec):
        return Finding(title, str(ModelMissing(name)), f"darkroom models pull {name}")
    return Finding(title, f"{name} ({spec.licence})")


def _lora(catalogue: Catalogue, card: LoRACard) -> Finding:
    """A file that is refused stands in nobody's way: only what the settings name must be sound."""
    if card.refusal and card.is_in_folder:
        return Finding(f"LoRA {card.name}", f"is not offered: it {card.refusal}")
    try:
        catalogue.check_lora(card.name)
    except EngineError as error:
        return Finding(f"LoRA {card.name}", str(error), f"correct [engine.loras.{card.name}]")
    return Finding(f"LoRA {card.name}", "; ".join(("its file is complete", *card.notes)))


async def _styles(settings: Settings) -> list[Finding]:
    catalogue = Catalogue(settings.engine)
    loras = {card.name for card in catalogue.loras() if not card.refusal}
    found: list[Finding] = []
    for name, style in settings.styles.items():
        wrong = [f"no LoRA named {lora!r}" for lora in style.loras if lora not in loras]
        if style.model and style.model not in catalogue.names():
            wrong.append(f"no model named {style.model!r}")
        if style.thumbnail and not style.thumbnail.is_file():
            wrong.append(f"no picture {style.thumbnail}")
        if wrong:
            found.append(Finding(f"style {name}", "; ".join(wrong), f"correct [styles.{name}]"))
    return found or [Finding("styles", f"{len(settings.styles)}")]


async def _direct_messages(settings: Settings) -> Finding:
    try:
        rules = direct_rules(settings.direct_messages)
    except ConfigError as error:
        return Finding(
            "direct messages",
            str(error),
            "correct [direct_messages] in the configuration; config.example.toml shows the form",
        )
    return Finding("direct messages", "allowed" if rules.gate is QueueState.OPEN else "not allowed")


async def _cluster(settings: Settings) -> Finding:
    if not settings.engine.cluster.address:
        return Finding("cluster", "none: all workers run on this machine")
    try:
        return Finding("cluster", await describe_cluster(settings.engine))
    except ClusterRefused as error:
        return Finding("cluster", error.why, error.remedy)


async def _token(settings: Settings) -> Finding:
    token = settings.discord.token.get_secret_value()
    if not token:
        return Finding("token", "is missing", 'set DISCORD_TOKEN (README, "On your server")')
    if not TOKEN_FORM.fullmatch(token):
        return Finding(
            "token", "does not have the form of a bot token", "copy the token again: Developer Portal, Bot, Reset Token"
        )
    return Finding("token", "has the form of a bot token")


async def _login(settings: Settings) -> Finding:
    token = settings.discord.token.get_secret_value()
    if not TOKEN_FORM.fullmatch(token):
        return Finding("Discord", "was not asked", "set a valid token first")
    client = discord.Client(intents=discord.Intents.none())
    try:
        await client.login(token)
        info = await client.application_info()
    except discord.LoginFailure:
        return Finding(
            "Discord",
            "refuses the token",
            "reset the token in the Developer Portal and set DISCORD_TOKEN to the new one",
        )
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        guess = invite.application_id(token)
        link = f"; invite link: {invite.link(guess)}" if guess else ""
        return Finding(
            "Discord", f"could not be reached ({type(error).__name__}){link}", "check the network and try again"
        )
    finally:
        await client.close()
    return Finding("Discord", f"{info.name}; invite it: {invite.link(info.id)}")
