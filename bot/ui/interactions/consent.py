"""Before a job is accepted: whose picture an upload is, and whether everybody whose picture is used lets it."""

from __future__ import annotations

from bot.domain.jobs.fingerprint import fingerprint, shows_much
from bot.domain.model import Ask, CellRef, JobSpec, Member
from bot.domain.moderation.consents import Stance
from bot.errors import BadPicture, JobNotFound, NotYours, PictureHidden
from bot.ui.interactions.interaction_responder import Pressed
from bot.ui.interactions.services import Services


async def require_consent(services: Services, ask: Ask) -> None:
    """Return where all owners let it. Raises `NotYours`, or `OwnerAsked` once the first is asked in the channel."""
    needed = await services.consents.needed(ask.spec, ask.member)
    if not needed:
        return
    is_here = ask.place.guild_id is not None and ask.place.bot_present
    if needed[0].stance is Stance.NO or services.consent_requests is None or not is_here:
        raise NotYours(needed[0].owner_id)
    await services.job_service.check(ask)  # nobody is asked for what is refused anyway
    raise await services.consent_requests.ask(ask, *needed)


async def recognised(interaction: Pressed, spec: JobSpec) -> JobSpec:
    """The spec with the kept pictures of this server that it uploads again, others' before one's own.

    What it is drawn from counts as its parent, unless it has one; a picture of which only the style is followed never
    does. Where the first upload is known, which is the one that a menu takes from a message, its poster is asked for
    nothing: its maker's word counts then. Raises `PictureHidden`.
    """
    uploads = (*spec.images, *spec.references)
    followed = [key for key in (spec.style_image, spec.control) if key is not None]
    # What is drawn again with another seed names already what was recognised, but for a mask that was changed.
    named = [] if spec.parent_id else [*uploads, *followed]
    services, guild_id = interaction.client.services, interaction.guild_id
    if guild_id is None or not (named or spec.mask):
        return spec
    found = {key: await known_picture(services, guild_id, key) for key in dict.fromkeys(named)}
    if spec.mask is not None:
        found.setdefault(spec.mask, await known_picture(services, guild_id, spec.mask, is_mask=True))
    known = {key: one for key, one in found.items() if one is not None}
    if not known:
        return spec
    mine = interaction.user.id
    drawn = sorted((known[key] for key in named if key in uploads and key in known), key=lambda one: one[1] == mine)
    origin = drawn[0][0] if drawn and spec.source is None else spec.origin
    also = dict.fromkeys((*spec.also, *(cell for cell, _ in known.values() if cell != origin)))
    poster_id = None if named and uploads and uploads[0] in known else spec.poster_id
    return spec.model_copy(update={"origin": origin, "also": tuple(also), "poster_id": poster_id})


async def origin_of(services: Services, by: Member, key: str) -> str | None:
    """The job whose picture an upload is, where its maker lets this member keep it; None for an unknown picture.

    Raises `PictureHidden`, `NotYours`, and `BadPicture` where its maker wants to be asked each time.
    """
    if services.fingerprints is None or by.guild_id is None:
        return None
    found = await known_picture(services, by.guild_id, key)
    if found is None:
        return None
    job = await services.jobs.get(found[0].job_id)
    stance = await services.consents.of(job, by)
    if stance is Stance.ASK:
        raise BadPicture(f"<@{job.member_id}>, who made it, wants to be asked each time, so it cannot be kept")
    if stance is Stance.NO:
        raise NotYours(job.member_id)
    return job.id


async def known_picture(
    services: Services, guild_id: int, key: str, *, is_mask: bool = False
) -> tuple[CellRef, int] | None:
    """The kept picture that an upload is, and its maker. Raises `PictureHidden`.

    Masks resemble each other and plain pictures by chance: one is known only where it shows much.
    """
    if services.fingerprints is None:
        return None
    try:
        said = await services.drawing.run(fingerprint, await services.pictures.get(key))
    except KeyError:
        return None  # the job service says so
    if is_mask and not shows_much(said):
        return None
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
