"""Likeness of short texts: by the embedded text encoder, or by letters where that is not installed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from bot.domain.moderation.semantic_filter import Embed
from bot.domain.moderation.text_folding import fold
from engine import EngineError

NEARLY = 0.9
"""Cosine of two texts' vectors from which on they count as the same."""

log = logging.getLogger(__name__)


class Likeness:
    """Compares short texts."""

    def __init__(self, embed: Embed | None = None) -> None:
        """None: there is no text encoder."""
        self._embed = embed

    async def is_nearly(self, one: str, other: str) -> bool:
        """Whether two texts say nearly the same."""
        return (await self._same([one, other]))[0][1]

    async def groups(self, texts: Mapping[int, str]) -> list[tuple[int, ...]]:
        """The writers whose texts say nearly the same as an earlier one's, together; one group for each text else."""
        members = list(texts)
        same = await self._same(list(texts.values())) if members else []
        groups: list[list[int]] = []
        for number, member in enumerate(members):
            for group in groups:
                if same[members.index(group[0])][number]:
                    group.append(member)
                    break
            else:
                groups.append([member])
        return [tuple(group) for group in groups]

    async def _same(self, texts: Sequence[str]) -> list[list[bool]]:
        letters = [" ".join(fold(text).split()) for text in texts]
        same = [[one == other for other in letters] for one in letters]
        if self._embed is None:
            return same
        try:
            vectors = await self._embed(texts)
        except EngineError as error:
            log.warning("texts are compared by letters: %s", error)
            return same
        cosines = vectors @ vectors.T
        count = range(len(texts))
        return [[same[row][column] or bool(cosines[row][column] >= NEARLY) for column in count] for row in count]
