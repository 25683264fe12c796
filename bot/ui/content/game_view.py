"""The buttons of games, and the menu to guess with."""

from __future__ import annotations

from discord import ButtonStyle, SelectOption
from discord.ui import Button, Select, View

from bot.domain.games.any_game import AnyGame
from bot.domain.games.bluff import Bluff
from bot.domain.games.phases import Phase
from bot.domain.games.telephone import Telephone
from bot.domain.prompting.prompt import shorten
from bot.ui.content.custom_ids import GameAct, GameId

_LABELS = {
    GameAct.JOIN: ("Join", ButtonStyle.success),
    GameAct.LEAVE: ("Leave", ButtonStyle.secondary),
    GameAct.START: ("Start", ButtonStyle.primary),
    GameAct.STOP: ("Stop the game", ButtonStyle.secondary),
    GameAct.TELL: ("Write the secret", ButtonStyle.primary),
    GameAct.DEAL: ("Deal me one", ButtonStyle.secondary),
    GameAct.FAKE: ("Write a fake", ButtonStyle.primary),
    GameAct.HAND: ("My turn", ButtonStyle.primary),
    GameAct.LINE: ("Say what you see", ButtonStyle.primary),
    GameAct.NEXT: ("Next", ButtonStyle.primary),
}
_ACTS = {
    Phase.LOBBY: (GameAct.JOIN, GameAct.LEAVE, GameAct.START, GameAct.STOP),
    Phase.TELL: (GameAct.TELL, GameAct.DEAL, GameAct.STOP),
    Phase.DRAW: (GameAct.STOP,),
    Phase.FAKE: (GameAct.FAKE, GameAct.STOP),
    Phase.VOTE: (GameAct.STOP,),
    Phase.REVEAL: (GameAct.NEXT, GameAct.STOP),
    Phase.WRITE: (GameAct.HAND, GameAct.STOP),
    Phase.SHOW: (GameAct.NEXT, GameAct.STOP),
    Phase.BEST: (GameAct.STOP,),
}


def game_view(game: AnyGame) -> View | None:
    """What can be pressed in this phase; None when it is over."""
    if game.is_over:
        return None
    view = View(timeout=None)
    if isinstance(game, Bluff) and game.phase is Phase.VOTE:
        view.add_item(_guesses(game))
    if isinstance(game, Telephone) and game.phase is Phase.BEST:
        for chain in game.showable:
            label = f"{'Chain' if game.shape is None else 'Figure'} {chain + 1}"
            view.add_item(_button(game, GameAct.BEST, chain, label, ButtonStyle.primary))
    for act in _ACTS[game.phase]:
        view.add_item(_button(game, act, game.stage, *_LABELS[act]))
    # A stopped view is drawn but not remembered: the buttons are found by their ids, in this process or the next.
    view.stop()
    return view


def line_view(game: Telephone) -> View:
    """The button below one's private hand."""
    view = View(timeout=None)
    label, style = _LABELS[GameAct.LINE]
    view.add_item(_button(game, GameAct.LINE, game.stage, label if game.shape is None else "Word my band", style))
    view.stop()
    return view


def _guesses(game: Bluff) -> Select[View]:
    options = [
        SelectOption(label=shorten(f"{place + 1}. {caption.text}", 100), value=str(place))
        for place, caption in enumerate(game.now_on.captions)
        if not caption.is_void
    ]
    return Select(custom_id=f"dr-guess:{game.id}:{game.stage}", placeholder="Which one is the secret?", options=options)


def _button(game: AnyGame, act: GameAct, slot: int, label: str, style: ButtonStyle) -> Button[View]:
    return Button(
        label=label, style=style, custom_id=str(GameId(act, game.id, slot)), row=4 if act is GameAct.STOP else None
    )
