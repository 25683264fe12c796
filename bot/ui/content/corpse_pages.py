"""The words of an exquisite corpse."""

from __future__ import annotations

from bot.domain.games.corpse import BANDS, Shape
from bot.domain.games.game import LEAST_PLAYERS, MOST_PLAYERS
from bot.domain.games.player import names
from bot.domain.games.telephone import Telephone
from bot.ui.content.chain_pages import ChainTexts, line_text, rewritable
from bot.ui.content.game_texts import closes, joined


def edge_text(game: Telephone, chain: int, written: str | None, *, is_there: bool) -> str:
    """What a member reads about the hand they hold; the words before stay hidden."""
    mine = rewritable(written)
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


def _figure(game: Telephone) -> str:
    """The bands that are unfolded, and how many follow."""
    lines = "\n".join(f"{number}. {line_text(line)}" for number, line in enumerate(game.told, 1))
    more = len(game.chains[game.on_show]) - len(game.told)
    folded = f"\n*{more} still folded*" if more else ""
    return f"🦴 **Figure {game.on_show + 1} of {len(game.chains)}**\n{lines}{folded}"


def _winner(game: Telephone, figure: int, liked: int) -> str:
    best = f"🏆 **Figure {figure + 1}** came out best ({liked} liked it), by {names(_authors(game, figure))}."
    return f"{best}\nAll figures by {names(_authors(game, *game.showable))}."


def _authors(game: Telephone, *chains: int) -> tuple[int, ...]:
    """Who worded them, each once."""
    lines = [line for chain in chains for line in game.chains[chain] if not line.is_asleep]
    return tuple(dict.fromkeys(line.author for line in lines if line.author is not None))


CORPSE = ChainTexts(
    title="🦴 **Exquisite corpse**",
    line="band",
    first="Word the first band of a figure",
    later="Look at the edge that came to you, and go on",
    drawing="All words are in. I draw {} bands…",
    best="🦴 **Which figure came out best?**",
    lobby=_lobby,
    shown=_figure,
    winner=_winner,
)
