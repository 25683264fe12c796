"""What an exquisite corpse says in each phase. Before its figure is unfolded, nothing here holds a line."""

from __future__ import annotations

from bot.domain.games.corpse import BANDS, Shape
from bot.domain.games.game import LEAST_PLAYERS, MOST_PLAYERS
from bot.domain.games.phases import Phase
from bot.domain.games.player import names
from bot.domain.games.telephone import Telephone
from bot.ui.content.game_texts import before, closes, ended, joined
from bot.ui.content.telephone_pages import line_text, waits
from bot.ui.content.texts import MESSAGE_LIMIT, echo, shorten

_ECHO = 160


def corpse_page(game: Telephone) -> str:
    """The text of this phase."""
    match game.phase:
        case Phase.LOBBY:
            return _lobby(game)
        case Phase.WRITE:
            what = "Look at the edge that came to you, and go on" if game.step else "Word the first band of a figure"
            return f"{_head(game)}\n{what}: press **My turn**. Only you see it.\n{closes(game)} · {waits(game)}"
        case Phase.DRAW:
            return f"{_head(game)}\n🎨 All words are in. I draw {len(game.orders())} bands…"
        case Phase.SHOW:
            return shorten(f"{before(game)}{_figure(game)}\n{closes(game, 'Goes on')}", MESSAGE_LIMIT)
        case Phase.BEST:
            voted = sum(bool(marks) for marks in game.votes.values())
            return (
                "🦴 **Which figure came out best?** Press every one you like; press again to take it back.\n"
                f"{closes(game)} · {voted} voted so far"
            )
        case _:
            return _over(game)


def edge_text(game: Telephone, chain: int, written: str | None, *, is_there: bool) -> str:
    """What a member reads about the hand they hold; the words before stay hidden."""
    mine = f"\nYou wrote: {echo(written, _ECHO)}. Press to write anew." if written else ""
    where = "at its right" if game.shape is Shape.WIDE else "below it"
    if not game.chains[chain]:
        return (
            f"Word the first band of a figure: a head, perhaps. The next one goes on {where}, and sees no more.{mine}"
        )
    if not is_there:
        return f"Nothing came to you, because the band before could not be drawn. Begin a figure of your own.{mine}"
    last = " This is the last band." if game.step == game.last_step else ""
    return f"This edge came to you, and nothing else. Say what goes on {where}.{last}{mine}"


def _lobby(game: Telephone) -> str:
    turn = "a day for each turn" if game.is_slow else "a minute for each turn"
    where = "at the right of it" if game.shape is Shape.WIDE else "below it"
    return (
        f"🦴 **Exquisite corpse** · <@{game.host.id}> opens a game. Everybody words a band, I draw it, the next one "
        f"sees nothing but its edge and words the band {where}, and so on: {turn}, {game.steps or BANDS} bands in each "
        f"figure. At the end all figures are unfolded.\n{joined(game)}\n{closes(game, 'Starts')}\n"
        f"-# {LEAST_PLAYERS} to {MOST_PLAYERS} players. Cost: one picture for each band, on its writer's quota."
    )


def _head(game: Telephone) -> str:
    return f"{before(game)}🦴 **Exquisite corpse**, band {game.step + 1} of {game.last_step + 1}"


def _figure(game: Telephone) -> str:
    """The bands that are unfolded, and how many follow."""
    lines = "\n".join(f"{number}. {line_text(line)}" for number, line in enumerate(game.told, 1))
    more = len(game.chains[game.on_show]) - len(game.told)
    folded = f"\n*{more} still folded*" if more else ""
    return f"🦴 **Figure {game.on_show + 1} of {len(game.chains)}**\n{lines}{folded}"


def _over(game: Telephone) -> str:
    head = ended(game, "🦴 **Exquisite corpse** is over")
    if game.best is None:
        return head
    marks = sum(game.best in marked for marked in game.votes.values())
    best = f"🏆 **Figure {game.best + 1}** came out best ({marks} liked it), by {names(_authors(game, game.best))}."
    return f"{head}\n{best}\nAll figures by {names(_authors(game, *game.showable))}."


def _authors(game: Telephone, *chains: int) -> tuple[int, ...]:
    """Who worded them, each once."""
    lines = [line for chain in chains for line in game.chains[chain] if not line.is_asleep]
    return tuple(dict.fromkeys(line.author for line in lines if line.author is not None))
