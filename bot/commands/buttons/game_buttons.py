"""What the buttons of games do. They work after a restart, and lead to the end of a game that is over."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, Select, View

from bot.commands.moderation.moderator_actions import entry
from bot.domain.games.any_game import AnyGame
from bot.domain.games.bluff import Bluff
from bot.domain.games.game import Phase
from bot.domain.games.game_service import GameService
from bot.domain.games.telephone import Telephone
from bot.domain.model import Member
from bot.errors import ConfigError, NotInGame, RoundNotFound
from bot.ui.content.custom_ids import GAME_TEMPLATE, GUESS_TEMPLATE, FormId, FormKind, GameAct, GameId
from bot.ui.content.game_view import line_view
from bot.ui.content.modals import GameForm
from bot.ui.content.telephone_pages import hand_text
from bot.ui.content.texts import echo
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed

_ECHO = 300
_ASKS = frozenset({GameAct.TELL, GameAct.FAKE, GameAct.LINE})
"""Acts that open a form."""


class GameButton(DynamicItem[Button[View]], template=GAME_TEMPLATE):
    """A button of a game."""

    def __init__(self, game_id: GameId) -> None:
        super().__init__(Button(custom_id=str(game_id), label="…"))
        self.game_id = game_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id."""
        return cls(GameId(GameAct(match["act"]), match["game"], int(match["slot"])))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the button says; the answer is for whoever pressed alone."""
        async with Answer(interaction, ephemeral=True, may_ask=self.game_id.act in _ASKS) as answer:
            member = await checked(interaction)
            await here(interaction, self.game_id.game_id)
            await _DONE[self.game_id.act](interaction, answer, member, self.game_id)


class GuessMenu(DynamicItem[Select[View]], template=GUESS_TEMPLATE):
    """The menu to guess with."""

    def __init__(self, game_id: str, stage: int) -> None:
        super().__init__(Select(custom_id=f"dr-guess:{game_id}:{stage}"))
        self.game_id, self.stage = game_id, stage

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the menu; what was chosen stands in the interaction."""
        return cls(match["game"], int(match["stage"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Take the guess."""
        place = int(self.item.values[0]) if self.item.values and self.item.values[0].isdecimal() else -1
        async with Answer(interaction, ephemeral=True) as answer:
            member = await checked(interaction)
            await here(interaction, self.game_id)
            now = interaction.client.services.clock()

            def move(game: Bluff) -> Bluff:
                game.require(Phase.VOTE, self.stage)
                return game.voted(member.id, place, now)

            await games(interaction).move(Bluff, self.game_id, move)
            await answer.private(f"Your guess: **{place + 1}**. Choose again to change it.")


async def _join(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    await _moved(interaction, pressed, lambda game: game.joined(member))
    await answer.private("You are in.")


async def _leave(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    await _moved(interaction, pressed, lambda game: game.left(member))
    await answer.private("You are out of it.")


async def _start(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    now = interaction.client.services.clock()
    await _moved(interaction, pressed, lambda game: game.started(member, now))
    await answer.private("It begins.")


async def _stop(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    now = interaction.client.services.clock()

    def move(game: AnyGame) -> AnyGame:
        game.require_host(member)
        who = "whoever began it" if member.id == game.host.id else "a moderator"
        return game.stopped(f"{who} stopped it", now)

    game = await _moved(interaction, pressed, move)
    if member.id != game.host.id:
        log = interaction.client.services.log
        await log.add(entry(interaction, "stop game", f"{game.kind.value} of <@{game.host.id}>"))
    await answer.private("The game is stopped.")


async def _next(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    now = interaction.client.services.clock()
    await _moved(interaction, pressed, lambda game: game.next(member, pressed.slot, now))
    await answer.private("On we go.")


async def _tell(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    game = await games(interaction).bluff(pressed.game_id)
    game.told(member.id, "…", interaction.client.services.clock())  # whether they may
    await answer.modal(_form("Your secret", FormKind.TELL, pressed, "", "Only you know it until the reveal"))


async def _deal(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    now = interaction.client.services.clock()
    game = await games(interaction).move(Bluff, pressed.game_id, lambda game: game.told(member.id, game.deal(), now))
    await answer.private(f"Your secret: **{echo(game.now_on.secret, _ECHO)}**. Tell nobody.")


async def _fake(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    game = await games(interaction).bluff(pressed.game_id)
    game.require(Phase.FAKE, pressed.slot)
    game.faked(member.id, "…", interaction.client.services.clock())  # whether they may
    before = game.now_on.fakes.get(member.id, "")
    await answer.modal(_form("Your fake", FormKind.FAKE, pressed, before, "What could it have been?"))


async def _hand(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    services, game = interaction.client.services, await games(interaction).telephone(pressed.game_id)
    game.require(Phase.WRITE, pressed.slot)
    chain, last = game.hand(member.id)
    files = ()
    if last is not None and last.job_id is not None and services.game_pictures is not None:
        alt = f"The picture that came to you in turn {game.step + 1}"
        files = await services.game_pictures.secret(last.job_id, "your-hand", alt, game.place.file_limit_bytes)
    text = hand_text(game, last, game.hands.get(chain))
    await answer.private(text, view=line_view(game), files=[upload.file() for upload in files])


async def _line(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    game = await games(interaction).telephone(pressed.game_id)
    game.require(Phase.WRITE, pressed.slot)
    chain, last = game.hand(member.id)
    label = "The first line" if last is None else "What do you see?"
    await answer.modal(_form("Your line", FormKind.LINE, pressed, game.hands.get(chain, ""), label))


async def _best(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    now = interaction.client.services.clock()
    game = await games(interaction).move(
        Telephone, pressed.game_id, lambda game: game.voted(member.id, pressed.slot, now)
    )
    liked = ", ".join(str(chain + 1) for chain in game.votes.get(member.id, ())) or "none"
    await answer.private(f"Chains you like: **{liked}**. Press again to take one back.")


_DONE: Mapping[GameAct, Callable[[Pressed, Answer, Member, GameId], Awaitable[None]]] = MappingProxyType(
    {
        GameAct.JOIN: _join, GameAct.LEAVE: _leave, GameAct.START: _start, GameAct.STOP: _stop, GameAct.NEXT: _next,
        GameAct.TELL: _tell, GameAct.DEAL: _deal, GameAct.FAKE: _fake, GameAct.HAND: _hand,
        GameAct.LINE: _line, GameAct.BEST: _best,
    }
)  # fmt: skip


async def _moved(interaction: Pressed, pressed: GameId, move: Callable[[Any], Any]) -> AnyGame:
    """A move that all games know."""
    service = games(interaction)
    return await service.move(type(await service.get(pressed.game_id)), pressed.game_id, move)


def _form(title: str, kind: FormKind, pressed: GameId, text: str, label: str) -> GameForm:
    return GameForm(title, FormId(kind, f"{pressed.game_id}.{pressed.slot}"), text, label)


async def checked(interaction: Pressed) -> Member:
    """Whoever presses. Raises what keeps a member out of here: bans, pauses and channel rules."""
    member = await submission.member_of(interaction)
    await interaction.client.services.job_service.check_entry(member, submission.place_of(interaction))
    return member


async def here(interaction: Pressed, game_id: str) -> AnyGame:
    """A game under way in this channel. Raises `RoundNotFound` and `GameOver`."""
    found = await games(interaction).get(game_id)
    if (interaction.guild_id, interaction.channel_id) != (found.guild_id, found.channel_id):
        raise RoundNotFound(game_id)
    return found


def games(interaction: Pressed) -> GameService:
    """The game service. Raises `ConfigError` where the bot was built without one."""
    service = interaction.client.services.games
    if service is None:
        raise ConfigError("games", "this bot was built without games")
    return service


def stage_of(about: str) -> tuple[str, int]:
    """The game and the stage that a form was opened in. Raises `NotInGame`."""
    game_id, _, stage = about.partition(".")
    if not stage.isdecimal():
        raise NotInGame("The game has moved on.")
    return game_id, int(stage)
