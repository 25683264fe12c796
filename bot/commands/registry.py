"""The registry of cogs, buttons and forms that the client loads, with the function of each button."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from discord.ext import commands
from discord.ui import DynamicItem

from bot.commands import draw, richer, settings
from bot.commands.buttons import (
    branch_buttons,
    consent_buttons,
    context_menus,
    derive_buttons,
    edit_buttons,
    evolve_buttons,
    expression_buttons,
    family_buttons,
    foreign_recipes,
    game_forms,
    permutations,
    result_buttons,
    round_buttons,
    stars,
)
from bot.commands.buttons.family_buttons import KinMenu
from bot.commands.buttons.foreign_recipes import DrawThis
from bot.commands.buttons.game_buttons import GameButton
from bot.commands.buttons.guess_menu import GuessMenu
from bot.commands.buttons.hall_buttons import HallButton
from bot.commands.buttons.proposals import ProposalButton
from bot.commands.buttons.reactions import Reactions
from bot.commands.buttons.round_buttons import RoundButton
from bot.commands.draw import Draw
from bot.commands.edit import Edit
from bot.commands.evolve import Evolve
from bot.commands.games import Games
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
from bot.commands.offers import Offers
from bot.commands.open_channels import OpenChannels
from bot.commands.presence import Presence
from bot.commands.privacy import Privacy
from bot.commands.richer import Richer
from bot.commands.sets import Sets
from bot.commands.settings import MySettings
from bot.commands.shorten import Shorten
from bot.commands.styles import Styles
from bot.commands.weekly import Weekly
from bot.domain.rounds.round import RoundAct
from bot.ui.content.buttons import JobButton
from bot.ui.content.custom_ids import Act, ButtonId, FormKind, RoundId
from bot.ui.content.draft_sheet import SheetMenu
from bot.ui.content.modals import Filled
from bot.ui.interactions.answer import Pressed
from bot.ui.interactions.offer_page import OfferMenu, OfferPageButton, with_lora, with_model, with_style
from bot.ui.interactions.services import Darkroom

Press = Callable[[Pressed, ButtonId], Awaitable[None]]
RoundPress = Callable[[Pressed, RoundId], Awaitable[None]]
Fill = Callable[[Pressed, str, Filled], Awaitable[None]]

COGS: tuple[type[commands.Cog], ...] = (
    Imagine, Draw, Edit, Images, Offers, Evolve, Games, Weekly, Jobs, MySettings, Sets, Styles, Shorten, Richer, Help,
    Privacy, Quota, Mod, Stats,
)  # fmt: skip
LISTENERS: tuple[Callable[[Darkroom], commands.Cog], ...] = (Reactions, Presence, Gatekeeper, OpenChannels)
MENUS = context_menus.menus
DYNAMIC_ITEMS: tuple[type[DynamicItem[Any]], ...] = (
    JobButton,
    SheetMenu,
    OfferMenu,
    OfferPageButton,
    DrawThis,
    ProposalButton,
    ReviewButton,
    OlderButton,
    RetentionButton,
    RoundButton,
    GameButton,
    GuessMenu,
    HallButton,
    KinMenu,
)
PRESSES: Mapping[Act, Press] = MappingProxyType(
    {
        **dict.fromkeys((*derive_buttons.DERIVED, *derive_buttons.FROM_SHEET), derive_buttons.from_cell),
        Act.SHOW: result_buttons.show,
        Act.CANCEL: result_buttons.cancel,
        Act.FETCH: result_buttons.fetch,
        Act.RECIPE: result_buttons.recipe,
        Act.TIMELAPSE: result_buttons.timelapse,
        Act.REROLL: derive_buttons.reroll,
        Act.AGAIN: derive_buttons.again,
        Act.DRAFT: derive_buttons.drafts,
        Act.CAPTION: derive_buttons.caption,
        Act.VARY_REGION: derive_buttons.region,
        Act.ZOOM_CUSTOM: derive_buttons.zoom,
        Act.EDIT: edit_buttons.edit,
        Act.EDIT_REGION: edit_buttons.region,
        Act.EXPRESSION: expression_buttons.ask,
        Act.PERMUTE: permutations.confirmed,
        Act.RICHER: richer.pressed,
        Act.FORM: draw.pressed,
        Act.STAR: stars.mark,
        Act.STAR_ALL: stars.mark,
        Act.DECIDE: round_buttons.decide,
        Act.BRANCH: branch_buttons.branch,
        Act.FAMILY: family_buttons.sheet,
        **dict.fromkeys(consent_buttons.SHARES, consent_buttons.let),
    }
)
ROUND_PRESSES: Mapping[RoundAct, RoundPress] = MappingProxyType(
    {
        RoundAct.VOTE: round_buttons.vote,
        RoundAct.CLOSE: round_buttons.end,
        RoundAct.CANCEL: round_buttons.end,
        RoundAct.START: evolve_buttons.start,
        RoundAct.WILD: evolve_buttons.wild,
        **dict.fromkeys((RoundAct.ONCE, RoundAct.ALWAYS, RoundAct.NO), consent_buttons.answer),
    }
)
FORMS: Mapping[FormKind, Fill] = MappingProxyType(
    {
        FormKind.REMIX: derive_buttons.remixed,
        FormKind.REGION: derive_buttons.region_filled,
        FormKind.ZOOM: derive_buttons.zoom_filled,
        FormKind.STYLE: with_style,
        FormKind.LORA: with_lora,
        FormKind.MODEL: with_model,
        FormKind.RECIPE: foreign_recipes.drawn,
        FormKind.MENU: context_menus.varied,
        FormKind.TELL: game_forms.told,
        FormKind.FAKE: game_forms.faked,
        FormKind.LINE: game_forms.wrote,
        FormKind.WILD: evolve_buttons.handed_in,
        FormKind.EDIT: edit_buttons.edited,
        FormKind.EDIT_REGION: edit_buttons.region_filled,
        FormKind.IMAGINE: draw.imagined,
        FormKind.SETTINGS: settings.filled_in,
        FormKind.EXPRESSION: expression_buttons.filled_in,
        FormKind.MENU_EDIT: context_menus.edited,
        FormKind.BRANCH: branch_buttons.branched,
    }
)
ONCE = frozenset(
    {
        *derive_buttons.DERIVED,
        *derive_buttons.FROM_SHEET,
        Act.SHOW,
        Act.TIMELAPSE,
        Act.REROLL,
        Act.AGAIN,
        Act.CAPTION,
        Act.PERMUTE,
        Act.DECIDE,
        Act.DRAFT,
    }
)
"""Acts whose double click would post or cost twice."""
