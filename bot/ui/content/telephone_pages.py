"""The words of a game of Telephone."""

from __future__ import annotations

from bot.domain.games.chains import Line
from bot.domain.games.player import names
from bot.domain.games.telephone import Telephone
from bot.ui.content.chain_pages import ECHO_CHARS, ChainTexts, rewritable
from bot.ui.content.texts import echo


def hand_text(last: Line | None, written: str | None) -> str:
    """What a member reads about the hand they hold; the line before stays hidden."""
    mine = rewritable(written)
    if last is None:
        return f"Write the first line of your chain. I draw it, and the next one says what they see.{mine}"
    if last.job_id is None:
        why = last.why or "it is not there any more"
        return f"There is no picture here ({why}). Go on from its line: {echo(last.text, ECHO_CHARS)}{mine}"
    return f"This came to you. Say in a line what you see.{mine}"


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
    rules=lambda _: "Everybody writes a line, I draw it, the next one says what they see, I draw that, and so on",
    length=lambda game: (
        "as many lines as players in each chain" if game.steps is None else f"{game.steps} lines in each chain"
    ),
    end="At the end all chains are shown",
    cost="one picture for each line, on the quota of whoever wrote it",
    winner=_winner,
    shown="☎️ **Chain {} of {}**",
)
