"""A member's own pictures by their words: read from the database at each search; the catalogue has public ones only."""

from __future__ import annotations

import asyncio

from bot.gallery.catalogue import Query, worded
from bot.store.gallery.candidates import Candidates, Place

BATCH = 500
MOST = 20_000
"""Jobs that one search looks at, the newest first."""


class OwnPictures:
    """Finds a member's jobs."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates

    async def places(self, member_id: int, query: Query, after: Place | None, count: int) -> list[Place]:
        """Return the newest `count` jobs that match and are older than `after`."""
        if not query.words:
            return await self._candidates.of_member(member_id, after, count)
        found = list[Place]()
        for _ in range(MOST // BATCH):
            page = await self._candidates.words_of_member(member_id, after, BATCH)
            found += await asyncio.to_thread(_matching, page, query)
            if len(page) < BATCH or len(found) >= count:
                break
            after = page[-1][0]
        return found[:count]


def _matching(page: list[tuple[Place, str]], query: Query) -> list[Place]:
    return [place for place, words in page if query.finds(worded(words))]
