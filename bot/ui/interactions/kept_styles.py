"""Styles kept by name, as the member of an interaction sees them: their own, and the server's."""

from __future__ import annotations

import contextlib

from bot.domain.model import JobSpec, KeptStyle, NamedStyle
from bot.domain.prompting.kept_styles import same_name, told
from bot.errors import BadOption, JobNotFound
from bot.ui.content import texts
from bot.ui.interactions.interaction_responder import Pressed
from bot.ui.interactions.offers import Offer, Shelf, offers_of


async def seen_by(interaction: Pressed) -> list[NamedStyle]:
    """The kept styles that a name stands for here: the host's go before the member's, and these before the server's."""
    services = interaction.client.services
    if services.kept_styles is None:
        return []
    taken = {same_name(name) for name in services.settings.styles}
    found: list[NamedStyle] = []
    for one in await services.kept_styles.all(interaction.user.id, interaction.guild_id):
        if one.name not in taken:
            taken.add(one.name)
            found.append(one)
    return found


async def style_names(interaction: Pressed) -> list[str]:
    """Every style that `--style` takes here."""
    return [*interaction.client.services.settings.styles, *(one.name for one in await seen_by(interaction))]


async def style_offers(interaction: Pressed) -> list[Offer]:
    """The host's styles, and then those that are kept by name."""
    return [*await offers_of(interaction.client, Shelf.STYLE), *map(_offer, await seen_by(interaction))]


async def filled(interaction: Pressed, spec: JobSpec) -> JobSpec:
    """The spec with the pictures that its `--style` stands for. Raises `BadOption` with the names that there are.

    What a job is made from has its pictures still where the name is gone, or means something else to this member.
    """
    name = same_name(spec.options.style or "")
    style = await _inherited(interaction, spec, name) or await _found(interaction, name)
    if style is None:
        known = ", ".join(await style_names(interaction)) or "none"
        raise BadOption(f"--style {spec.options.style}"[:60], f"there is no such style; known: {known}"[:400])
    return spec.model_copy(update={"options": spec.options.model_copy(update={"style": name, "kept_style": style})})


async def _found(interaction: Pressed, name: str) -> KeptStyle | None:
    store = interaction.client.services.kept_styles
    return None if store is None else await store.find(name, interaction.user.id, interaction.guild_id)


async def _inherited(interaction: Pressed, spec: JobSpec, name: str) -> KeptStyle | None:
    parent_id = spec.source.job_id if spec.source is not None else spec.parent_id
    if parent_id is None:
        return None
    with contextlib.suppress(JobNotFound):
        options = (await interaction.client.services.jobs.get(parent_id)).spec.options
        return options.kept_style if options.style == name else None
    return None


def _offer(one: NamedStyle) -> Offer:
    whose = "yours" if one.guild_id is None else "of this server"
    counted = told([weight for _, weight in one.style.pictures])
    return Offer(one.name, f"`--style {one.name}` {counted}, {whose}", texts.echo(f"{counted}, {whose}", 100))
