"""The show picker: finds a server's candidates, leaves out what may not hang, and picks."""

from __future__ import annotations

import random
from collections.abc import Sequence

from bot.domain.model import CellRef
from bot.domain.moderation.publicity import Line
from bot.domain.ports import Clock
from bot.domain.rounds import show_pick
from bot.domain.rounds.entry import Entry, EntryRole
from bot.domain.rounds.round import Round
from bot.domain.rounds.show_pick import WINDOW, Candidate
from bot.domain.rounds.show_ports import Candidates, Found, Lines
from bot.domain.rounds.show_rules import may_hang

_BATCH = 100


class ShowPicker:
    """Applies the show's rules to candidates, a hundred at a time, and picks among the rest."""

    def __init__(self, candidates: Candidates, lines: Lines, clock: Clock) -> None:
        self._candidates, self._lines, self._clock = candidates, lines, clock

    async def pick(self, show: Round) -> list[Entry]:
        """What hangs in this show, at its places; the same show picks the same of the same pictures."""
        now, dice = self._clock(), random.Random(f"cells {show.seed}")  # noqa: S311 - no secret
        found = await self._candidates.found(show.guild_id, now - WINDOW)
        lines = await self.fit(show, [one.picture.job_id for one in found])
        named = [(one, lines[one.picture.job_id]) for one in found if one.picture.job_id in lines]
        fit = [candidate for one, line in named if (candidate := _candidate(one, line, dice)) is not None]
        members = {one.member_id for one in fit}
        new = await self._candidates.newcomers(show.guild_id, members, now - WINDOW)
        return [
            Entry(
                round_id=show.id, role=EntryRole.CHOICE, place=place, member_id=one.member_id, picture=one.picture,
                is_secret=True, entered_at=now,
            )
            for place, one in enumerate(show_pick.pick(fit, new, show.seed, now))
        ]  # fmt: skip

    async def fit(self, show: Round, job_ids: Sequence[str]) -> dict[str, Line]:
        """The lines of those that may hang now."""
        fit, now, ids = dict[str, Line](), self._clock(), list(dict.fromkeys(job_ids))
        for start in range(0, len(ids), _BATCH):
            lines = await self._lines.lines(ids[start : start + _BATCH])
            here = show.guild_id, show.channel_id, now
            fit |= {job_id: line for job_id, line in lines.items() if may_hang(line, *here)}
        return fit


def _candidate(found: Found, line: Line, dice: random.Random) -> Candidate | None:
    """Of a result without stars any of its pictures; None for a picture that is not there."""
    job, cells = line.exhibits[0].job, [cell.cell for cell in line.exhibits[0].cells]
    cell = found.picture.cell if found.stars else dice.choice(cells)
    if cell not in cells:
        return None
    return Candidate(
        picture=CellRef(job_id=job.id, cell=cell), member_id=job.member_id, stars=found.stars,
        created_at=job.created_at, family=line.exhibits[-1].job.id,
    )  # fmt: skip
