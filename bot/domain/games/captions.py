"""The numbered list that is voted on: the truth, the fakes with those that say nearly the same merged, and decoys."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from bot.domain.games.deals import decoys
from bot.domain.model import Value

FEW_FAKES, WRONG_WITH_DECOYS = 2, 3


class Caption(Value):
    """One line of the list."""

    text: str
    authors: tuple[int, ...] = ()
    """Who wrote it: several where fakes were merged, nobody where it is a decoy or the bot dealt the secret."""
    is_true: bool = False
    is_void: bool = False
    """Taken away by a moderator."""


def captions(
    secret: str, teller: int | None, fakes: Mapping[int, str], groups: Sequence[Sequence[int]], dice: random.Random
) -> tuple[Caption, ...]:
    """The list in the order that `dice` gives. `groups`: members whose fakes say nearly the same."""
    merged = [tuple(member for member in group if member in fakes) for group in groups]
    alone = [(member,) for member in fakes if not any(member in group for group in merged)]
    wrong = [Caption(text=fakes[group[0]], authors=group) for group in (*merged, *alone) if group]
    if len(wrong) < FEW_FAKES:
        seed = dice.randrange(2**32)
        more = decoys(seed, 0, WRONG_WITH_DECOYS - len(wrong), (secret, *(caption.text for caption in wrong)))
        wrong += [Caption(text=text) for text in more]
    truth = Caption(text=secret, authors=() if teller is None else (teller,), is_true=True)
    mixed = [truth, *wrong]
    dice.shuffle(mixed)
    return tuple(mixed)
