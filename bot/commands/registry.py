"""Everything the client loads: cogs, buttons, and what each button does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from discord.ext import commands
from discord.ui import DynamicItem

from bot.commands.buttons import context_menus as menus
from bot.commands.buttons import derive_buttons as derivations
from bot.commands.buttons import permutations, stars
from bot.commands.buttons import result_buttons as presses
from bot.commands.buttons.modal_dispatch import Forms
from bot.commands.buttons.reactions import Reactions
from bot.commands.help import Help
from bot.commands.images import Images
from bot.commands.imagine import Imagine
from bot.commands.jobs import Jobs
from bot.commands.moderation.engine_gate import Gatekeeper
from bot.commands.moderation.mod import Mod
from bot.commands.moderation.mod_log import OlderButton
from bot.commands.moderation.mod_review import ReviewButton
from bot.commands.moderation.quota import Quota
from bot.commands.moderation.retention import RetentionButton
from bot.commands.moderation.stats import Stats
from bot.commands.presence import Presence
from bot.commands.privacy import Privacy
from bot.commands.settings import MySettings
from bot.ui.content.buttons import JobButton
from bot.ui.content.custom_ids import Act, ButtonId, FormKind
from bot.ui.content.modals import Filled
from bot.ui.interactions.answer import Pressed
from bot.ui.interactions.services import Darkroom
from bot.ui.interactions.style_page import StyleMenu, StylePageButton, styled

Press = Callable[[Pressed, ButtonId], Awaitable[None]]
Fill = Callable[[Pressed, str, Filled], Awaitable[None]]

COGS: tuple[type[commands.Cog], ...] = (Imagine, Images, Jobs, MySettings, Help, Privacy, Quota, Mod, Stats)
LISTENERS: tuple[Callable[[Darkroom], commands.Cog], ...] = (Reactions, Presence, Gatekeeper, Forms)
MENUS = menus.menus
DYNAMIC_ITEMS: tuple[type[DynamicItem[Any]], ...] = (
    JobButton,
    StyleMenu,
    StylePageButton,
    ReviewButton,
    OlderButton,
    RetentionButton,
)
PRESSES: Mapping[Act, Press] = MappingProxyType(
    {
        **dict.fromkeys(derivations.DERIVED, derivations.from_cell),
        Act.SHOW: presses.show,
        Act.CANCEL: presses.cancel,
        Act.FETCH: presses.fetch,
        Act.RECIPE: presses.recipe,
        Act.TIMELAPSE: presses.timelapse,
        Act.REROLL: derivations.reroll,
        Act.AGAIN: derivations.again,
        Act.CAPTION: derivations.caption,
        Act.VARY_REGION: derivations.region,
        Act.ZOOM_CUSTOM: derivations.zoom,
        Act.PERMUTE: permutations.confirmed,
        Act.STAR: stars.mark,
        Act.STAR_ALL: stars.mark,
    }
)
FORMS: Mapping[FormKind, Fill] = MappingProxyType(
    {
        FormKind.REMIX: derivations.remixed,
        FormKind.REGION: derivations.region_filled,
        FormKind.ZOOM: derivations.zoom_filled,
        FormKind.STYLE: styled,
        FormKind.MENU: menus.varied,
    }
)
ONCE = frozenset({*derivations.DERIVED, Act.SHOW, Act.TIMELAPSE, Act.REROLL, Act.AGAIN, Act.CAPTION, Act.PERMUTE})
"""Acts whose double click would post or cost twice."""
