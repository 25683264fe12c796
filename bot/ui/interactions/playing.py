"""The services of rounds, as commands reach them; each raises `ConfigError` where the bot was built without it."""

from __future__ import annotations

from bot.domain.rounds.consent_requests import ConsentRequests
from bot.domain.rounds.evolutions import Evolutions
from bot.domain.rounds.interventions import Interventions
from bot.domain.rounds.shows import Shows
from bot.errors import ConfigError
from bot.store.rounds.hall import Hall
from bot.ui.interactions.interaction_responder import Pressed

_MISSING = "this bot was built without rounds"


def evolutions(interaction: Pressed) -> Evolutions:
    """What `/evolve`, its buttons and its form do."""
    if (service := interaction.client.services.evolutions) is None:
        raise ConfigError("evolutions", _MISSING)
    return service


def shows(interaction: Pressed) -> Shows:
    """What moderators set up, and what makers take back."""
    if (service := interaction.client.services.shows) is None:
        raise ConfigError("shows", _MISSING)
    return service


def hall(interaction: Pressed) -> Hall:
    """The hall of fame."""
    if (store := interaction.client.services.hall) is None:
        raise ConfigError("hall", _MISSING)
    return store


def consent_requests(interaction: Pressed) -> ConsentRequests:
    """How owners are asked."""
    if (service := interaction.client.services.consent_requests) is None:
        raise ConfigError("consent_requests", _MISSING)
    return service


def interventions(interaction: Pressed) -> Interventions:
    """What moderators do to rounds."""
    if (service := interaction.client.services.interventions) is None:
        raise ConfigError("interventions", _MISSING)
    return service
