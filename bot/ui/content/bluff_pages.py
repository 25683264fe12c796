"""What a game of Bluff says in each phase. Before the reveal nothing here holds the secret or whose fake is whose."""

from __future__ import annotations

from bot.domain.games.bluff import Bluff
from bot.domain.games.bluff_turn import Turn
from bot.domain.games.captions import Caption
from bot.domain.games.game import LEAST_PLAYERS, MOST_PLAYERS
from bot.domain.games.phases import Phase
from bot.domain.games.player import names
from bot.ui.content.game_texts import before, closes, ended, joined, table
from bot.ui.content.texts import echo, fitted

_ECHOES, _SHORT = (150, 100, 60, 30), 60
"""Of each line so many characters, the first number with which everything fits into a message."""


def bluff_page(game: Bluff) -> str:
    """The text of this phase."""
    return fitted(lambda chars: _page(game, chars), _ECHOES)


def _page(game: Bluff, chars: int) -> str:
    match game.phase:
        case Phase.LOBBY:
            return _lobby(game)
        case Phase.TELL:
            return (
                f"{_head(game)}\n<@{game.now_on.teller}>, write a secret that I draw: neither plain nor hopeless, "
                f"because you score when some of the others find it, but not all.\n{closes(game)}"
            )
        case Phase.DRAW:
            return f"{_head(game)}\n🎨 The secret is there. I draw it…"
        case Phase.FAKE:
            return (
                f"{_head(game)}\nWhat could the secret have been? Write a fake that the others believe: each who does "
                f"is a point for you.\n{closes(game)} · {len(game.now_on.fakes)} of {len(game.guessers)} have written"
            )
        case Phase.VOTE:
            return (
                f"{_head(game)}\nWhich of these is the secret? Guesses stay hidden until the end.\n"
                f"{_list(game.now_on, chars)}\n"
                f"{closes(game)} · {len(game.now_on.votes)} of {len(game.guessers)} have guessed"
            )
        case Phase.REVEAL:
            return f"{_head(game)}\n{_revealed(game.now_on, chars)}\n{table(game)}\n{closes(game, 'Goes on')}"
        case _:
            best = "\n".join(_best(turn, min(chars, _SHORT)) for turn in game.done)
            return f"{ended(game, '🎭 **Bluff** is over')}\n{best}\n{table(game)}".replace("\n\n", "\n")


def _lobby(game: Bluff) -> str:
    turns = "one for each player" if game.turns is None else f"{game.turns} in all"
    return (
        f"🎭 **Bluff** · <@{game.host.id}> opens a game. One of you writes a secret, I draw it, the others invent what "
        f"it could have been, and all guess which line is true.\n{joined(game)}\n{closes(game, 'Starts')}\n"
        f"-# {LEAST_PLAYERS} to {MOST_PLAYERS} players. Cost: one picture for each secret ({turns}), on the quota of "
        "whoever wrote it; one that I deal counts on the teller's, or on the host's where the teller is silent."
    )


def _head(game: Bluff) -> str:
    turns = len(game.active) if game.turns is None else game.turns
    return f"{before(game)}🎭 **Bluff**, turn {game.now_on.number + 1} of {max(turns, game.now_on.number + 1)}"


def _list(turn: Turn, chars: int) -> str:
    return "\n".join(f"**{place + 1}.** {_said(caption, chars)}" for place, caption in enumerate(turn.captions))


def _said(caption: Caption, chars: int) -> str:
    return "*(a moderator took this away)*" if caption.is_void else echo(caption.text, chars)


def _revealed(turn: Turn, chars: int) -> str:
    lines: list[str] = []
    for place, caption in enumerate(turn.captions):
        mark = "✅" if caption.is_true else "▫️"
        who = names(caption.authors) if caption.authors else "dealt by me"
        believed = [member for member, vote in turn.votes.items() if vote == place]
        verb = "found by" if caption.is_true else "believed by"
        lines.append(
            f"{mark} **{place + 1}.** {_said(caption, chars)} · {who}"
            + (f" · {verb} {names(believed)}" if believed else "")
        )
    won = ", ".join(f"<@{member}> +{points}" for member, points in turn.points.items() if points)
    return "\n".join([*lines, f"Points: {won or 'none'}"])


def _best(turn: Turn, chars: int) -> str:
    """A turn in one line: the truth, and the fake that most believed."""
    wrong = [place for place, caption in enumerate(turn.captions) if not caption.is_true and not caption.is_void]
    votes = list(turn.votes.values())
    best = max(wrong, key=votes.count, default=None)
    fake = ""
    if best is not None and votes.count(best):
        who = names(turn.captions[best].authors) if turn.captions[best].authors else "mine"
        fake = f" · most believed: {echo(turn.captions[best].text, chars)} ({who})"
    return f"**{turn.number + 1}.** {echo(turn.secret, chars)}{fake}"
