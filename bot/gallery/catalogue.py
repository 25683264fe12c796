"""The catalogue: every public job in memory, newest first, with its words. Search by words reads only this."""

from __future__ import annotations

import bisect
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from bot.domain.moderation.publicity import Line
from bot.domain.prompting.prompt import render
from bot.store.gallery.candidates import Place

MAX_QUERY = 200
"""Characters of a search."""


class Entry(NamedTuple):
    """A public job. The place comes first, so that entries are ordered by time."""

    place: Place
    member_id: int
    cells: int
    words: str
    """Folded words of the prompt and the maker's name; each word begins after a space."""


class Query(NamedTuple):
    """What somebody looks for."""

    words: tuple[str, ...] = ()
    member_id: int | None = None

    @classmethod
    def of(cls, text: str, member_id: int | None = None) -> Query:
        """Every word must begin a word of the prompt; in scripts without spaces it may stand anywhere."""
        return cls(tuple(_needle(word) for word in folded(text).split()), member_id)

    def matches(self, entry: Entry) -> bool:
        """Whether an entry is looked for."""
        return self.member_id in (None, entry.member_id) and self.finds(entry.words)

    def finds(self, words: str) -> bool:
        """Whether each word begins one of these folded words."""
        # A loop: this runs for every entry, and a generator would take twice as long.
        for word in self.words:  # noqa: SIM110
            if word not in words:
                return False
        return True


class Catalogue:
    """Keeps the entries sorted by time; one task changes it, between two steps of the event loop."""

    def __init__(self) -> None:
        self._order: list[Place] = []
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._entries

    @property
    def ids(self) -> set[str]:
        """The ids of all public jobs."""
        return set(self._entries)

    def put(self, entry: Entry) -> None:
        """Add a job, or replace what is known of it."""
        if entry.place.job_id not in self._entries:
            bisect.insort(self._order, entry.place)
        self._entries[entry.place.job_id] = entry

    def drop(self, job_ids: Iterable[str]) -> None:
        """Take jobs out."""
        gone = {each for each in job_ids if self._entries.pop(each, None)}
        if gone:
            self._order = [place for place in self._order if place.job_id not in gone]

    def find(self, query: Query, after: Place | None = None) -> Iterator[Entry]:
        """Yield the matching entries, newest first, that are older than `after`."""
        end = len(self._order) if after is None else bisect.bisect_left(self._order, after)
        return self._matching(query, end)

    def _matching(self, query: Query, end: int) -> Iterator[Entry]:
        # Everything is looked at where little is found: written out, for each call in here is made for every job.
        entries, words, member_id = self._entries, query.words, query.member_id
        for number in range(end - 1, -1, -1):
            entry = entries[self._order[number].job_id]
            if member_id is not None and entry.member_id != member_id:
                continue
            said = entry.words
            for word in words:
                if word not in said:
                    break
            else:
                yield entry

    def newest(self, count: int) -> list[Entry]:
        """Return the newest entries."""
        return list(islice(self.find(Query()), count))


def entry_of(line: Line) -> Entry:
    """Return the entry of a line's first job."""
    exhibit = line.exhibits[0]
    job = exhibit.job
    words = worded(" ".join((render(job.spec.options), *job.captions, job.member_name)))
    return Entry(Place(job.created_at, job.id), job.member_id, len(exhibit.cells), words)


def worded(text: str) -> str:
    """Return the text's folded words, each behind a space."""
    return f" {' '.join(folded(text).split())}"


def folded(text: str) -> str:
    """Return the text without case, accents and punctuation."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = (mark for mark in plain if not unicodedata.combining(mark))
    return "".join(mark if mark.isalnum() else " " for mark in kept)


def _needle(word: str) -> str:
    return word if any(ord(mark) > 0x2E7F for mark in word) else f" {word}"
