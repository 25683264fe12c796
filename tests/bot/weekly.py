"""A show on the court's server: pictures of several members, hung, voted on and told."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from bot.domain.model import CellRef, Job
from bot.domain.rounds.entry import Entry, EntryRole
from bot.domain.rounds.round import Round
from tests.bot.court import Court, said

WEEK = 7 * 24 * 3600.0
TWO_DAYS = 48 * 3600.0


def striped(number: int) -> bytes:
    """A picture like no other."""
    picture = Image.new("RGB", (64, 64), (40 * number % 256, 90 * number % 256, 150 * number % 256))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


class Weekly:
    """What members and moderators do around a show."""

    def __init__(self, court: Court) -> None:
        self.court = court
        self.makers = [court.ada, court.bo, court.ria]

    async def made(self, count: int, *, makers: list[Any] | None = None) -> list[Job]:
        """Pictures in the channel, by each maker in turn."""
        makers = makers or self.makers
        return [
            await self.court.imagine(makers[number % len(makers)], f"word{number} thing", picture=striped(number))
            for number in range(count)
        ]

    async def star(self, who: Any, job: Job, cell: int = 0) -> None:
        await self.court.client.services.members.favour(who.id, CellRef(job_id=job.id, cell=cell))

    async def begin(self, **options: Any) -> Round:
        """mo begins a show, and it is hung."""
        assert "It begins" in await self.court.say(self.court.mo, "weekly now", **options)
        await self.court.counted()
        return await self.show()

    async def show(self) -> Round:
        found = await self.court.plans.under_way(self.court.guild.id)
        assert found is not None
        return found

    async def hung(self, show: Round) -> list[Entry]:
        return await self.court.entries.of(show.id, role=EntryRole.CHOICE)

    async def of(self, show: Round, maker: Any) -> list[str]:
        """The letters of what hangs of somebody."""
        return ["ABCDEFGHIJ"[one.place] for one in await self.hung(show) if one.member_id == maker.id]

    def paper(self, show: Round) -> Any:
        return self.court.message(show.message_id or 0)

    async def press(self, show: Round, who: Any, label: str) -> str:
        return said(await who.click(self.paper(show), label=label))

    async def end(self, show: Round) -> Round:
        """mo counts; the show as it is then."""
        await self.press(show, self.court.mo, "Count now")
        await self.court.counted()
        return await self.court.round_store.get(show.id)

    def everything(self) -> str:
        """All that everybody can read of the bot's messages of shows: words, names and texts of files, ids."""
        found = [message for message in self.court.channel.history() if "show" in message.content]
        files = [(file.filename, file.description, file.url) for message in found for file in message.attachments]
        return str([(message.content, str(message.components), message.embeds) for message in found] + files)
