"""Every way to ask the bot about a job, as somebody with an id and no right to it would try them."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import discord
from discord import app_commands
from discord.ui import Button, Select, View
from simcord import InteractionResult
from simcord.actors import _dispatch_actor_interaction

from bot.client import DarkroomClient
from bot.commands.buttons.reactions import MEANT
from bot.commands.moderation.mod_review import ReviewAct
from bot.commands.registry import DYNAMIC_ITEMS, FORMS, PRESSES
from bot.domain.rounds.round import RoundAct
from bot.ui.content.custom_ids import Act, ButtonId, FormId, FormKind, GameAct, GameId, RoundId
from tests.bot.court import Court

MODAL_SUBMIT = 5
TAKES_NO_JOB = frozenset(
    {
        "imagine", "draw", "edit", "loras", "models", "blend", "describe", "style list", "style show", "settings",
        "help", "set save", "set list", "set delete", "shorten", "style save", "style rm", "cutout",
        "privacy delete", "privacy consent", "privacy retention", "quota set", "quota grant", "quota reset",
        "quota list", "quota timezone", "quota jobs", "mod pause", "mod drain", "mod resume", "mod ban", "mod unban",
        "mod weight", "mod picture", "mod roles", "mod words add", "mod words remove", "mod words list",
        "mod words meaning", "mod channel allow", "mod channel deny", "mod channel limits", "mod channel defaults",
        "mod channel list",
        "mod review on", "mod review off", "evolve", "mod game", "bluff",
        "telephone", "mod round pause", "mod round resume", "mod round ballot",
        "mod round entry", "mod consent", "mod reactions", "mod relax", "mod results", "richer", "privacy weekly",
        "weekly setup", "weekly off", "weekly now", "weekly cancel", "weekly hall",
    }
)  # fmt: skip
"""What neither takes the id of a job nor tells of jobs; everything else has a step below."""
NO_JOB_ITEMS = frozenset({
    "OfferMenu", "OfferPageButton", "DrawThis", "OlderButton", "RetentionButton", "GuessMenu", "HallButton",
    "ProposalButton",
})  # fmt: skip
"""Buttons and menus that carry no id of a job; the log's button is tried like the log itself."""


@dataclass
class Walker:
    """Somebody in a channel, with the ids of a job and of a vote on it that they came by."""

    court: Court
    actor: Any
    channel: Any
    job_id: str
    round_id: str

    async def slash(self, name: str, **options: Any) -> InteractionResult:
        return await self.actor.slash(self.channel, name, **options)

    async def press(self, custom_id: str) -> InteractionResult:
        """Press a button that the bot never showed here."""
        view = View(timeout=None)
        view.add_item(Button(custom_id=custom_id, label="forged"))
        view.stop()
        place = self.court.client.get_channel(self.channel.id)
        assert isinstance(place, discord.TextChannel)
        message = await asyncio.create_task(place.send("here", view=view), context=self.court.context)
        return await self.actor.click(message, label="forged")

    async def choose(self, custom_id: str, value: str = "0") -> InteractionResult:
        """Choose an option of a menu that the bot never showed here."""
        view = View(timeout=None)
        view.add_item(Select(custom_id=custom_id, options=[discord.SelectOption(label="forged", value=value)]))
        view.stop()
        place = self.court.client.get_channel(self.channel.id)
        assert isinstance(place, discord.TextChannel)
        message = await asyncio.create_task(place.send("here", view=view), context=self.court.context)
        return await self.actor.select(message, [value], custom_id=custom_id)

    async def submit(self, kind: FormKind, about: str) -> InteractionResult:
        """Fill in a form that the bot never opened."""
        more = {FormKind.ZOOM: {"zoom": "1.75"}, FormKind.BRANCH: {"strength": "0.5", "credit": "nice"}}
        fields = {"prompt": "a fox", **more.get(kind, {})}
        components: list[dict[str, Any]] = [
            {"type": 18, "id": number, "component": {"type": 4, "id": 10 + number, "custom_id": name, "value": value}}
            for number, (name, value) in enumerate(fields.items(), 1)
        ]
        if kind in (FormKind.REGION, FormKind.EDIT_REGION):
            ticked = {"type": 22, "id": 20, "custom_id": "ninths", "values": ["0"]}
            components.append({"type": 18, "id": 3, "component": ticked})
        if kind is FormKind.EXPRESSION:
            chosen = {"type": 21, "id": 20, "custom_id": "kind", "value": "emoji"}
            components.append({"type": 18, "id": 3, "component": chosen})
        data = {"custom_id": str(FormId(kind, about)), "components": components}
        return await _dispatch_actor_interaction(self.actor, MODAL_SUBMIT, self.channel, data)

    async def apps(self, name: str) -> InteractionResult:
        """Use a menu on a message of the bot's that shows the job by its file's name alone."""
        place = self.court.client.get_channel(self.channel.id)
        assert isinstance(place, discord.TextChannel)
        file = discord.File(io.BytesIO(b"png"), f"darkroom-{self.job_id}-1.png")
        message = await asyncio.create_task(place.send("here", file=file), context=self.court.context)
        return await self.actor.context_menu(self.channel, name, message)


Step = Callable[[Walker], Awaitable[InteractionResult]]


def _slash(name: str, **options: Any) -> Step:
    return lambda walker: walker.slash(name, **options)


def _about(name: str, **options: Any) -> Step:
    return lambda walker: walker.slash(name, job=walker.job_id, **options)


def _press(act: Act) -> Step:
    return lambda walker: walker.press(str(ButtonId(act, walker.job_id, 0)))


def _rule_checker(act: ReviewAct) -> Step:
    return lambda walker: walker.press(f"mod:{act.value}:{walker.job_id}")


def _vote(act: RoundAct) -> Step:
    return lambda walker: walker.press(str(RoundId(act, walker.round_id)))


def _play(act: GameAct) -> Step:
    return lambda walker: walker.press(str(GameId(act, walker.round_id, 1)))


def _say(kind: FormKind) -> Step:
    return lambda walker: walker.submit(kind, f"{walker.round_id}.1")


def _submit(kind: FormKind, act: Act) -> Step:
    return lambda walker: walker.submit(kind, str(ButtonId(act, walker.job_id, 0)))


def _apps(name: str) -> Step:
    return lambda walker: walker.apps(name)


COMMANDS: Mapping[str, Step] = {
    **{name: _about(name) for name in ("lineage", "cancel", "show")},
    "mod cancel": _about("mod cancel"),
    "mod delete": _about("mod delete"),
    "mod quarantine add": _about("mod quarantine add"),
    "mod quarantine lift": _about("mod quarantine lift"),
    **{name: _slash(name) for name in ("queue", "info me", "info favourites", "privacy export", "stats", "quota show")},
    "privacy gallery": _about("privacy gallery", show=False),
    **{name: _slash(name) for name in ("mod queue", "mod log", "mod review list")},
    **{
        name: _apps(name)
        for name in ("Darkroom: vary", "Darkroom: edit", "Darkroom: upscale", "Darkroom: describe", "Darkroom: recipe")
    },
}
PUSHED: Mapping[str, Step] = {
    **{f"press {act}": _press(act) for act in Act if act is not Act.PERMUTE},
    # It carries the id of a member: whose wishes they are.
    f"press {Act.PERMUTE}": _press(Act.PERMUTE),
    **{f"review {act}": _rule_checker(act) for act in ReviewAct},
    "sheet develop": lambda walker: walker.choose(f"dr-sheet:{Act.DEVELOP.value}:{walker.job_id}"),
    "sheet more": lambda walker: walker.choose(f"dr-sheet:{Act.MORE.value}:{walker.job_id}"),
    "kin menu": lambda walker: walker.choose(f"dr-kin:{walker.job_id}", walker.job_id),
    **{f"vote {act}": _vote(act) for act in RoundAct},
    **{f"game {act}": _play(act) for act in GameAct},
    **{f"form {kind}": _say(kind) for kind in (FormKind.TELL, FormKind.FAKE, FormKind.LINE)},
    f"form {FormKind.REMIX}": _submit(FormKind.REMIX, Act.VARY),
    f"form {FormKind.REGION}": _submit(FormKind.REGION, Act.VARY_REGION),
    f"form {FormKind.WILD}": lambda walker: walker.submit(FormKind.WILD, walker.round_id),
    f"form {FormKind.ZOOM}": _submit(FormKind.ZOOM, Act.ZOOM_CUSTOM),
    f"form {FormKind.BRANCH}": _submit(FormKind.BRANCH, Act.BRANCH),
    f"form {FormKind.EDIT}": _submit(FormKind.EDIT, Act.EDIT),
    f"form {FormKind.EDIT_REGION}": _submit(FormKind.EDIT_REGION, Act.EDIT_REGION),
    f"form {FormKind.EXPRESSION}": _submit(FormKind.EXPRESSION, Act.EXPRESSION),
}
NO_JOB_FORMS = frozenset(
    {
        FormKind.STYLE,
        FormKind.LORA,
        FormKind.MODEL,
        FormKind.RECIPE,
        FormKind.MENU,
        FormKind.MENU_EDIT,
        FormKind.IMAGINE,
        FormKind.SETTINGS,
    }
)
"""A style's, LoRA's or model's name, nothing, and a message: the menu's forms are read where they were opened only."""
COMPLETED = frozenset({"cancel job", "lineage job", "show job", "privacy gallery job"})
"""Options that offer jobs while somebody types."""
NO_JOB_COMPLETED = frozenset(
    {
        "imagine model", "imagine style", "imagine lora", "edit model", "style show name", "settings model",
        "set delete name", "style rm name",
        "loras lora", "models model",
    }
)  # fmt: skip
REACTED = frozenset(MEANT)


def not_walked(client: DarkroomClient) -> set[str]:
    """What people can do and no step tries: a new command, button, form or reaction needs one, or a word why not."""
    not_tried = REACTED ^ {*"✉⭐❌🔄🇦🇧🇨🇩", *(f"{number}\u20e3" for number in range(1, 5))}
    commands = {command.qualified_name: command for command in _leaves(client)}
    options = {
        f"{name} {parameter.name}"
        for name, command in commands.items()
        if isinstance(command, app_commands.Command)
        for parameter in command.parameters
        if parameter.autocomplete
    }
    above = {"JobButton", "ReviewButton", "RoundButton", "GameButton", "SheetMenu", "KinMenu"}
    items = {item.__name__ for item in DYNAMIC_ITEMS} - above
    return {
        *(commands.keys() ^ {*COMMANDS, *TAKES_NO_JOB}),
        *(options ^ {*COMPLETED, *NO_JOB_COMPLETED}),
        *(items ^ NO_JOB_ITEMS),
        *({f"press {act}" for act in PRESSES} - PUSHED.keys()),
        *({f"form {kind}" for kind in FORMS if kind not in NO_JOB_FORMS} - PUSHED.keys()),
        *(MEANT if not_tried else ()),
    }


def _leaves(client: DarkroomClient) -> list[Any]:
    kinds = (discord.AppCommandType.chat_input, discord.AppCommandType.message, discord.AppCommandType.user)
    found = [command for kind in kinds for command in client.tree.walk_commands(type=kind)]
    return [command for command in found if not isinstance(command, app_commands.Group)]


async def told(result: InteractionResult) -> str:
    """Everything that came of an action: words, embeds, names and texts of files, what is in an archive, forms."""
    said = [json.dumps(result.modal, default=str)] if result.modal is not None else []
    for message in (result.response, *result.followups):
        if message is None:
            continue
        said += [message.content, *(str(embed.to_dict()) for embed in message.embeds)]
        for file in message.attachments:
            said += [file.filename, file.description or ""]
            if file.filename.endswith(".zip"):
                with zipfile.ZipFile(io.BytesIO(await file.read())) as archive:
                    said += [*archive.namelist(), archive.read("records.json").decode()]
    return "\n".join(said)
