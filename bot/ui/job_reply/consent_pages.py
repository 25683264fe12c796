"""The message in which an owner is asked whether somebody may make something of their picture."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.model import Job
from bot.domain.ports import Jobs
from bot.domain.rounds.consent_request import owner_of
from bot.domain.rounds.ports import EntryStore
from bot.domain.rounds.round import Ballot, Round
from bot.errors import JobNotFound
from bot.ui.content.consent_texts import ended, question, question_view
from bot.ui.content.message_page import Page, Upload
from bot.ui.job_reply.decision_pages import next_url


class ConsentPages:
    """`bot.ui.job_reply.round_announcer.RoundPages` of `RoundKind.CONSENT`."""

    def __init__(self, jobs: Jobs, entries: EntryStore) -> None:
        self._jobs, self._entries = jobs, entries

    async def current(self, shown: Round, voters: int) -> Page:
        """The question. Raises `JobNotFound` when nobody is left to ask."""
        asked = owner_of(await self._entries.of(shown.id))
        if asked is None or asked.member_id is None:
            raise JobNotFound(shown.id)
        job = await self._job(asked.picture and asked.picture.job_id)
        text = question(shown, asked.member_id, job)
        return Page(text, view=question_view(shown), mentions=(asked.member_id,))

    async def files(self, shown: Round) -> tuple[Upload, ...]:
        """None: the picture stands above."""
        return ()

    async def over(self, shown: Round, ballots: Sequence[Ballot], chain: Sequence[Round]) -> Page:
        """The answer, and what was made."""
        asked = owner_of(await self._entries.of(shown.id))
        job = await self._job(asked and asked.picture and asked.picture.job_id)
        return Page(ended(shown, asked, job, await next_url(self._jobs, shown)))

    async def _job(self, job_id: str | None) -> Job | None:
        if not job_id:
            return None
        try:
            return await self._jobs.get(job_id)
        except JobNotFound:
            return None
