"""What a host can draw with, for commands that save something for later."""

from __future__ import annotations

from bot.domain.model import Options
from bot.domain.prompting.usable import Able, check_usable
from bot.ui.interactions.interaction_responder import Pressed
from bot.ui.interactions.kept_styles import style_names


async def able_here(interaction: Pressed, options: Options | None = None) -> Able:
    """What there is of what the options name; everything but LoRAs where none are given."""
    services = interaction.client.services
    tools = services.settings.engine
    loras = await services.engine.loras() if options is not None and options.loras else ()
    return Able(
        models=tuple(services.engine.models()),
        styles=await style_names(interaction),
        loras={card.name: card.refusal for card in loras},
        unseen=[kind for kind, folder in (("depth", tools.depth), ("pose", tools.pose)) if folder is None],
    )


async def require_usable(interaction: Pressed, options: Options) -> None:
    """Raise what `bot.domain.prompting.usable.check_usable` raises."""
    check_usable(options, await able_here(interaction, options))
