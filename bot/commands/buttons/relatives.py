"""A job as a relative of another: as much of it as may be shown to whoever asks."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from bot.domain.model import Job
from bot.domain.moderation.consents import Stance
from bot.domain.moderation.job_access import Deed
from bot.domain.prompting.prompt import shorten
from bot.errors import JobNotFound, NotAllowedHere, PromptRejected
from bot.ui.interactions.answer import Pressed
from bot.ui.interactions.asker import place_of
from bot.ui.interactions.permitted_jobs import may, viewer_of, visible
from bot.ui.pictures.lineage_tree import Relative

_WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Kin:
    """A job of the tree with as much of it as may be shown."""

    relative: Relative
    is_hidden: bool
    is_told: bool
    """Whether anything of it is shown but that it is there."""


async def relative(interaction: Pressed, depth: int, job: Job, asked: str, *, is_private: bool) -> Kin:
    """A job of the tree of another (`asked`) with as much of it as may be shown here.

    Where nobody else looks, the rules for posts do not matter. A picture of which its owner lets nobody make
    anything any more is named, and not shown again.
    """
    services, place, pictures = interaction.client.services, place_of(interaction), list[bytes]()
    said, is_hidden, who = "", job.spoiler, ""
    with contextlib.suppress(JobNotFound, NotAllowedHere, PromptRejected, KeyError):
        viewer = await viewer_of(interaction, job)
        await may(services, Deed.SEE, viewer, job)
        if not is_private:
            if not viewer.sees and job.id != asked:
                raise JobNotFound(job.id)  # what its owner made elsewhere is not told to everybody here
            await services.job_service.check_post(job, viewer.member, place)
        who = f" by {job.member_name}"
        is_hidden = (await visible(services, job, place)).spoiler
        if job.id != asked and await services.consents.of(job, viewer.member) is Stance.NO:
            said = _WITHDRAWN
        else:
            said = shorten(job.captions[0] if job.captions else job.spec.options.prompt, 80)
            pictures = [await services.pictures.get(cell.key) for cell in (await services.jobs.cells(job.id))[:4]]
    origin = "" if job.parent_cell is None else f"from picture {job.parent_cell + 1}"
    caption = job.spec.verb.done + who
    detail = ", ".join(filter(None, (origin, said)))
    return Kin(Relative(job.id, job.parent_id, depth, tuple(pictures), caption, detail), is_hidden, bool(who))
