"""Consent for the host's gallery: a member's setting, and exceptions for single jobs."""

from __future__ import annotations

from bot.domain.moderation.job_access import Deed
from bot.errors import BadOption, NotYours
from bot.settings import GallerySettings
from bot.ui.interactions.answer import Pressed
from bot.ui.interactions.permitted_jobs import permitted

SHOWN = (
    "✅ The gallery shows your pictures, with their prompts and your name: those posted from now on in channels that "
    "everybody on the server can read. Age-restricted channels, uploads and what was made from them stay out. "
    "`/privacy gallery show:False` hides all of it at once."
)
HIDDEN = "✅ The gallery does not show your pictures."
OFF = "This host shows no gallery at the moment."


async def of_member(interaction: Pressed, *, is_shown: bool) -> str:
    """Store the setting; the answer says where the gallery is."""
    services = interaction.client.services
    await services.members.change(interaction.user.id, lambda before: before.model_copy(update={"gallery": is_shown}))
    return f"{SHOWN}\n{_where(services.settings.operation.gallery)}" if is_shown else HIDDEN


async def of_job(interaction: Pressed, job_id: str, *, is_shown: bool) -> str:
    """Store what counts for one job. Its owner shows and hides it; the moderators of its server only hide it.

    Raises `JobNotFound`, `OwnersOnly`, `NotYours` and `BadOption`.
    """
    services = interaction.client.services
    job = await permitted(interaction, job_id, Deed.END)
    if is_shown and job.member_id != interaction.user.id:
        raise NotYours(job.member_id)
    if services.gallery_choices is None:
        raise BadOption("job", OFF)
    await services.gallery_choices.choose(job.id, is_shown=is_shown)
    if not is_shown:
        return f"✅ The gallery does not show `{job.id}`, nor what was made from it."
    if job.reply.open_channel_id is None:
        return f"`{job.id}` stays private: it was not made in a channel that everybody on the server can read."
    page = services.settings.operation.gallery
    return f"✅ The gallery shows `{job.id}`, with its prompt and your name.\n{_where(page, f'/p/{job.id}')}"


def _where(gallery: GallerySettings, path: str = "/") -> str:
    if gallery.port is None:
        return OFF
    return f"<{gallery.url.rstrip('/')}{path}>" if gallery.url else ""
