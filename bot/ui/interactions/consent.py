"""Before a job is accepted: whose picture an upload is, and whether everybody whose picture is used lets it."""

from __future__ import annotations

from bot.domain.model import Ask, CellRef, JobSpec
from bot.domain.moderation.consents import Stance
from bot.errors import JobNotFound, NotYours, PictureHidden
from bot.ui.interactions.interaction_responder import Pressed
from bot.ui.interactions.services import Services
from bot.ui.pictures.fingerprints import fingerprint


async def require_consent(services: Services, ask: Ask) -> None:
    """Return where all owners let it. Raises `NotYours`, or `OwnerAsked` once the owner is asked in the channel."""
    needed = await services.consents.needed(ask.spec, ask.member)
    if not needed:
        return
    is_here = ask.place.guild_id is not None and ask.place.bot_present
    if needed[0].stance is Stance.NO or services.consent_requests is None or not is_here:
        raise NotYours(needed[0].owner_id)
    await services.job_service.check(ask)  # nobody is asked for what is refused anyway
    raise await services.consent_requests.ask(ask, needed[0])


async def recognised(interaction: Pressed, spec: JobSpec) -> JobSpec:
    """The spec with the kept picture of this server that it uploads again, others' before one's own.

    Only where the first upload is known, which is the one that a menu takes from a message, is its poster asked for
    nothing: its maker's word counts then. Raises `PictureHidden`.
    """
    services, guild_id = interaction.client.services, interaction.guild_id
    if services.fingerprints is None or guild_id is None or spec.parent_id or spec.source:
        return spec
    uploads = (*spec.images, *spec.references, *(() if spec.control is None else (spec.control,)))
    known = {key: one for key in uploads if (one := await _known(services, guild_id, key)) is not None}
    if not known:
        return spec
    found, _ = next((each for each in known.values() if each[1] != interaction.user.id), next(iter(known.values())))
    poster_id = None if uploads[0] in known else spec.poster_id
    return spec.model_copy(update={"origin": found, "poster_id": poster_id, "parent_id": None})


async def _known(services: Services, guild_id: int, key: str) -> tuple[CellRef, int] | None:
    """The kept picture that an upload is, and its maker. Raises `PictureHidden`."""
    if services.fingerprints is None:
        return None
    try:
        said = await services.drawing.run(fingerprint, await services.pictures.get(key))
    except KeyError:
        return None  # the job service says so
    try:
        found = await services.fingerprints.nearest(guild_id, said)
        job = None if found is None else await services.jobs.get(found.job_id)
    except JobNotFound:
        return None  # deleted meanwhile
    if found is None or job is None:
        return None
    if not job.state.is_showable:
        raise PictureHidden
    return found, job.member_id
