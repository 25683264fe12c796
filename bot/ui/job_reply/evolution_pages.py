"""What the message of each round of an `/evolve` shows, with its grid, and at the end the strip of all winners."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.model import CellRef, Job
from bot.domain.ports import Jobs, Pictures
from bot.domain.rounds.ballots import count, without_slots
from bot.domain.rounds.entry import Entry, EntryRole, EntryState
from bot.domain.rounds.evolution import agreed, ending
from bot.domain.rounds.ports import EntryStore, RoundStore
from bot.domain.rounds.round import Ballot, Round, RoundState
from bot.errors import CellNotFound, JobNotFound
from bot.ui.content import evolution_texts, texts
from bot.ui.content.message_page import Page, Upload
from bot.ui.job_reply.decision_pages import next_url
from bot.ui.pictures.compositing import Drawing


class EvolutionPages:
    """`bot.ui.job_reply.round_announcer.RoundPages` of `RoundKind.EVOLVE`."""

    def __init__(
        self, jobs: Jobs, pictures: Pictures, drawing: Drawing, rounds: RoundStore, entries: EntryStore
    ) -> None:
        self._jobs, self._pictures, self._drawing = jobs, pictures, drawing
        self._rounds, self._entries = rounds, entries

    async def current(self, shown: Round, voters: int) -> Page:
        """How to vote, or what it waits for."""
        there = {entry.place for entry in await self._choices(shown) if entry.state is EntryState.OPEN}
        text = evolution_texts.whole(evolution_texts.current(shown, voters))
        return Page(text, view=evolution_texts.view(shown, there))

    async def files(self, shown: Round) -> tuple[Upload, ...]:
        """The grid that is voted on."""
        return () if shown.state is not RoundState.OPEN else await self._grid(shown)

    async def over(self, shown: Round, ballots: Sequence[Ballot], chain: Sequence[Round]) -> Page:
        """Who won; at the end also everybody who took part, and the strip of all winners below the grid."""
        choices = await self._choices(shown)
        void = {entry.place for entry in choices if entry.state is EntryState.VOID}
        valid = without_slots(ballots, void)
        said = evolution_texts.outcome(shown, count(valid, shown.slots), choices, valid)
        if not ending(shown):
            return Page(evolution_texts.whole(said, evolution_texts.final(shown, (), "")))
        game = [*chain, shown]
        end = evolution_texts.final(shown, await self._members(game, valid), await next_url(self._jobs, shown))
        strip = await self._strip(game)
        uploads = (*await self._grid(shown), *strip) if strip else ()
        return Page(evolution_texts.whole(said, end), uploads)

    async def _choices(self, shown: Round) -> list[Entry]:
        return await self._entries.of(shown.id, role=EntryRole.CHOICE)

    async def _members(self, game: Sequence[Round], last: Sequence[Ballot]) -> list[int]:
        """Everybody who voted or whose wild card was drawn, each once."""
        found = dict.fromkeys(ballot.member_id for ballot in last if ballot.picks)
        for each in game[:-1]:
            found |= dict.fromkeys(ballot.member_id for ballot in await self._rounds.ballots(each.id) if ballot.picks)
        lines = await self._entries.of(*(each.id for each in game), role=EntryRole.WILD)
        used = [line.member_id for line in lines if line.state is EntryState.USED and line.member_id is not None]
        return [*(found | dict.fromkeys(used))]

    async def _grid(self, shown: Round) -> tuple[Upload, ...]:
        choices = await self._choices(shown)
        if not choices:
            return ()
        found = [await self._picture(entry.picture) if entry.state is EntryState.OPEN else None for entry in choices]
        if not any(found):
            return ()
        content, suffix = await self._drawing.ballot(
            [one and one[1] for one in found], shown.place.file_limit_bytes // 2
        )
        prompt = texts.shorten(agreed(shown).spec.options.prompt, 500)
        alt = f"Round {shown.number}, pictures A to {'ABCDEFGHIJ'[len(choices) - 1]}: {prompt}"
        is_spoiler = any(one[0].spoiler for one in found if one is not None)
        return (Upload(f"darkroom-round-{shown.id}.{suffix}", content, alt, spoiler=is_spoiler),)

    async def _strip(self, game: Sequence[Round]) -> tuple[Upload, ...]:
        won: list[tuple[Job, bytes]] = []
        for each in game:
            place = each.winner
            entry = next((entry for entry in await self._choices(each) if entry.place == place), None)
            if entry is not None and (found := await self._picture(entry.picture)) is not None:
                won.append(found)
        if len(won) < 2:
            return ()
        last = game[-1]
        content, suffix = await self._drawing.strip([picture for _, picture in won], last.place.file_limit_bytes // 2)
        alt = f"The winners of {len(won)} rounds, the first at the left"
        is_spoiler = any(job.spoiler for job, _ in won)
        return (Upload(f"darkroom-winners-{last.id}.{suffix}", content, alt, spoiler=is_spoiler),)

    async def _picture(self, picture: CellRef | None) -> tuple[Job, bytes] | None:
        if picture is None:
            return None
        try:
            job = await self._jobs.get(picture.job_id)
            keys = {cell.cell: cell.key for cell in await self._jobs.cells(job.id)}
            return (job, await self._pictures.get(keys[picture.cell])) if job.state.is_showable else None
        except (JobNotFound, CellNotFound, KeyError):
            return None
