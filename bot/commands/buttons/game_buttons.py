"""What the buttons of games do. They work after a restart, and lead to the end of a game that is over."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, View

from bot.commands.buttons.game_access import checked, games, here
from bot.commands.moderation.moderator_actions import entry
from bot.domain.games.any_game import AnyGame
from bot.domain.games.bluff import Bluff
from bot.domain.games.phases import Phase
from bot.domain.games.telephone import Telephone
from bot.domain.model import Member
from bot.ui.content.corpse_pages import edge_text
from bot.ui.content.custom_ids import GAME_TEMPLATE, FormId, FormKind, GameAct, GameId
from bot.ui.content.game_view import line_view
from bot.ui.content.modals import GameForm
from bot.ui.content.telephone_pages import hand_text
from bot.ui.content.texts import echo
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
    pictures, limit = services.game_pictures, game.place.file_limit_bytes
    files = () if pictures is None else await pictures.hand(game, chain, limit)
    written = game.hands.get(chain)
    is_corpse = game.shape is not None
    text = edge_text(game, chain, written, is_there=bool(files)) if is_corpse else hand_text(last, written)
    await answer.private(text, view=line_view(game), files=[upload.file() for upload in files])


async def _line(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    game = await games(interaction).telephone(pressed.game_id)
    game.require(Phase.WRITE, pressed.slot)
    chain, last = game.hand(member.id)
    title, label = "Your line", "The first line" if last is None else "What do you see?"
    if game.shape is not None:
        title, label = "Your band", "The first band" if last is None else "What goes on here?"
    await answer.modal(_form(title, FormKind.LINE, pressed, game.hands.get(chain, ""), label))


async def _best(interaction: Pressed, answer: Answer, member: Member, pressed: GameId) -> None:
    now = interaction.client.services.clock()
    game = await games(interaction).move(
        Telephone, pressed.game_id, lambda game: game.voted(member.id, pressed.slot, now)
    )
    liked = ", ".join(str(chain + 1) for chain in game.votes.get(member.id, ())) or "none"
    what = "Chains" if game.shape is None else "Figures"
    await answer.private(f"{what} you like: **{liked}**. Press again to take one back.")


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
