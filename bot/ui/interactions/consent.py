"""Before a job is accepted: whose picture an upload is, and whether everybody whose picture is used lets it."""

from __future__ import annotations

from bot.domain.model import Ask, JobSpec
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
    """The spec with the kept picture of this server that it uploads again. Raises `PictureHidden`."""
    services, guild_id = interaction.client.services, interaction.guild_id
    if services.fingerprints is None or guild_id is None or spec.parent_id or spec.source:
        return spec
    for key in spec.images:
        try:
            said = await services.drawing.run(fingerprint, await services.pictures.get(key))
        except KeyError:
            continue  # the job service says so
        if (found := await services.fingerprints.nearest(guild_id, said)) is None:
            continue
        try:
            job = await services.jobs.get(found.job_id)
        except JobNotFound:
            continue  # deleted meanwhile
        if not job.state.is_showable:
            raise PictureHidden
        return spec.model_copy(update={"origin": found, "poster_id": None, "parent_id": None})
    return spec
