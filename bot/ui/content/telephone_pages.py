"""The words of a game of Telephone."""

from __future__ import annotations

from bot.domain.games.chains import Line
from bot.domain.games.game import LEAST_PLAYERS, MOST_PLAYERS
from bot.domain.games.player import names
from bot.domain.games.telephone import Telephone
from bot.ui.content.chain_pages import ChainTexts, line_text, rewritable
from bot.ui.content.game_texts import closes, joined
from bot.ui.content.texts import echo

_ECHO = 160


def hand_text(last: Line | None, written: str | None) -> str:
    """What a member reads about the hand they hold; the line before stays hidden."""
    mine = rewritable(written)
    if last is None:
        return f"Write the first line of your chain. I draw it, and the next one says what they see.{mine}"
    if last.job_id is None:
        why = last.why or "it is not there any more"
        return f"There is no picture here ({why}). Go on from its line: {echo(last.text, _ECHO)}{mine}"
    return f"This came to you. Say in a line what you see.{mine}"


def _lobby(game: Telephone) -> str:
    turn = "a day for each turn" if game.is_slow else "a minute for each turn"
    steps = "as many lines as players" if game.steps is None else f"{game.steps} lines"
    return (
        f"☎️ **Telephone** · <@{game.host.id}> opens a game. Everybody writes a line, I draw it, the next one "
        f"says what they see, I draw that, and so on: {turn}, {steps} in each chain. At the end all chains are shown.\n"
        f"{joined(game)}\n{closes(game, 'Starts')}\n-# {LEAST_PLAYERS} to {MOST_PLAYERS} players. Cost: one picture "
        "for each line, on the quota of whoever wrote it."
    )


def _chain(game: Telephone) -> str:
    """The chain on show, from its first line to its last."""
    lines = "\n".join(f"{step + 1}. {line_text(line)}" for step, line in enumerate(game.told))
    return f"☎️ **Chain {game.on_show + 1} of {len(game.chains)}**\n{lines}"


def _winner(game: Telephone, chain: int, liked: int) -> str:
    who = names(tuple(dict.fromkeys(line.author for line in game.chains[chain] if line.author is not None)))
    return f"🏆 **Chain {chain + 1}** went wrong best ({liked} liked it), by {who}."


TELEPHONE = ChainTexts(
    title="☎️ **Telephone**",
    line="line",
    first="Write a line that I draw",
    later="Look at the picture that came to you, and say what you see",
    drawing="All lines are in. I draw {} pictures…",
    best="☎️ **Which chain went wrong best?**",
    lobby=_lobby,
    shown=_chain,
    winner=_winner,
)
