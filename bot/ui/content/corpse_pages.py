"""The words of an exquisite corpse."""

from __future__ import annotations

from bot.domain.games.corpse import BANDS, Shape
from bot.domain.games.player import names
from bot.domain.games.telephone import Telephone
from bot.ui.content.chain_pages import ChainTexts, rewritable


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


def _rules(game: Telephone) -> str:
    where = "at the right of it" if game.shape is Shape.WIDE else "below it"
    return (
        "Everybody words a band, I draw it, the next one sees nothing but its edge and words the band "
        f"{where}, and so on"
    )


def _folded(game: Telephone) -> str:
    """How many bands of the figure on show follow."""
    more = len(game.chains[game.on_show]) - len(game.told)
    return f"\n*{more} still folded*" if more else ""


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
    rules=_rules,
    length=lambda game: f"{game.steps or BANDS} bands in each figure",
    end="At the end all figures are unfolded",
    cost="one picture for each band, on its writer's quota",
    winner=_winner,
    shown="🦴 **Figure {} of {}**",
    hidden=_folded,
)
