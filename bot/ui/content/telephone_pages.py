"""What a game of Telephone says in each phase. Before its chain is shown, nothing here holds a line."""

from __future__ import annotations

from bot.domain.games.chains import Chain, Line
from bot.domain.games.game import LEAST_PLAYERS, MOST_PLAYERS
from bot.domain.games.phases import Phase
from bot.domain.games.player import names
from bot.domain.games.telephone import Telephone
from bot.ui.content.game_texts import before, closes, ended, joined
from bot.ui.content.texts import MESSAGE_LIMIT, echo, shorten

_ECHO = 160


def telephone_page(game: Telephone) -> str:
    """The text of this phase."""
    match game.phase:
        case Phase.LOBBY:
            return _lobby(game)
        case Phase.WRITE:
            what = (
                "Write a line that I draw"
                if game.step == 0
                else "Look at the picture that came to you, and say what you see"
            )
            return f"{_head(game)}\n{what}: press **My turn**. Only you see it.\n{closes(game)} · {waits(game)}"
        case Phase.DRAW:
            return f"{_head(game)}\n🎨 All lines are in. I draw {len(game.orders())} pictures…"
        case Phase.SHOW:
            return shorten(f"{before(game)}{chain_text(game)}\n{closes(game, 'Goes on')}", MESSAGE_LIMIT)
        case Phase.BEST:
            voted = sum(bool(marks) for marks in game.votes.values())
            return (
                "☎️ **Which chain went wrong best?** Press every one you like; press again to take it back.\n"
                f"{closes(game)} · {voted} voted so far"
            )
        case _:
            return _over(game)


def chain_text(game: Telephone) -> str:
    """The chain on show, from its first line to its last."""
    lines = "\n".join(f"{step + 1}. {line_text(line)}" for step, line in enumerate(game.told))
    return f"☎️ **Chain {game.on_show + 1} of {len(game.chains)}**\n{lines}"


def hand_text(game: Telephone, last: Line | None, written: str | None) -> str:
    """What a member reads about the hand they hold; the line before stays hidden."""
    mine = f"\nYou wrote: {echo(written, _ECHO)}. Press to write anew." if written else ""
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


def _head(game: Telephone) -> str:
    return f"{before(game)}☎️ **Telephone**, line {game.step + 1} of {game.last_step + 1}"


def waits(game: Telephone) -> str:
    """Who has not written yet."""
    waiting = game.awaited
    return f"waiting for {names(waiting)}" if waiting else "all have written"


def line_text(line: Line) -> str:
    """What one member wrote, and why there is no picture of it."""
    who = "by me, for a sleeper" if line.author is None else f"<@{line.author}>"
    if line.is_asleep:
        return "*(asleep)*" if line.author is None else f"*(asleep)* · {who}"
    missing = f" · no picture: {line.why}" if line.why else ""
    return f"{echo(line.text, _ECHO)} · {who}{missing}" if line.text else f"*(deleted)*{missing}"


def _over(game: Telephone) -> str:
    head = ended(game, "☎️ **Telephone** is over")
    if game.best is None:
        return head
    chain: Chain = game.chains[game.best]
    marks = sum(game.best in marked for marked in game.votes.values())
    who = names(tuple(dict.fromkeys(line.author for line in chain if line.author is not None)))
    return f"{head}\n🏆 **Chain {game.best + 1}** went wrong best ({marks} liked it), by {who}."
