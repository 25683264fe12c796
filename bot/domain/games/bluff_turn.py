"""One turn of Bluff."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.games.captions import Caption
from bot.domain.model import Value


class Turn(Value):
    """One secret and what was made of it."""

    number: int
    teller: int | None
    """Who knows the secret; None: the teller was silent, and the bot dealt it."""
    secret: str = ""
    job_id: str | None = None
    fakes: Mapping[int, str] = {}
    """By member."""
    captions: tuple[Caption, ...] = ()
    """Shuffled, from VOTE on."""
    votes: Mapping[int, int] = {}
    """By member: the place among the captions."""
    points: Mapping[int, int] = {}

    @property
    def truth(self) -> int:
        """The place of the true caption."""
        return next(place for place, caption in enumerate(self.captions) if caption.is_true)


def turn_without(turn: Turn, member_id: int) -> Turn:
    """The turn without anything that this member wrote or guessed."""
    captions = tuple(
        caption.model_copy(update={"text": "", "is_void": not caption.is_true, "authors": ()})
        if member_id in caption.authors else caption
        for caption in turn.captions
    )  # fmt: skip
    is_teller = turn.teller == member_id
    return turn.model_copy(
        update={
            "teller": None if is_teller else turn.teller,
            "secret": "" if is_teller and turn.captions else turn.secret,
            "fakes": {member: text for member, text in turn.fakes.items() if member != member_id},
            "votes": {member: place for member, place in turn.votes.items() if member != member_id},
            "points": {member: won for member, won in turn.points.items() if member != member_id},
            "captions": captions,
        }
    )
