"""Rounds and games, composed: their stores, services, announcers, and the tasks that move them on.

Each part is made once, when it is asked for first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial

from bot.domain.games.conductor import Conductor
from bot.domain.games.game_draws import GameDraws
from bot.domain.games.game_service import GameService
from bot.domain.games.likeness import Likeness
from bot.domain.jobs.job_service import JobService
from bot.domain.moderation.access import banned_now
from bot.domain.moderation.consents import Consents
from bot.domain.rounds.asking import Asking
from bot.domain.rounds.consent_requests import ConsentRequests
from bot.domain.rounds.deadlines import Deadlines
from bot.domain.rounds.deciding import Deciding
from bot.domain.rounds.drawing import Studio
from bot.domain.rounds.electorate import Electorate
from bot.domain.rounds.evolutions import Evolutions
from bot.domain.rounds.evolving import Evolving
from bot.domain.rounds.follow_up import VaryWinner
from bot.domain.rounds.interventions import Interventions
from bot.domain.rounds.ports import Play
from bot.domain.rounds.round import RoundKind
from bot.domain.rounds.round_service import RoundService
from bot.domain.rounds.show_context import ShowContext
from bot.domain.rounds.show_picker import ShowPicker
from bot.domain.rounds.showing import Showing
from bot.domain.rounds.shows import Shows
from bot.store.database import Database
from bot.store.gallery.exhibits import ExhibitReads
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.jobs.jobs import JobStore
from bot.store.members.grants import GrantStore
from bot.store.pictures import PictureStore
from bot.store.rounds.entries import EntryStore
from bot.store.rounds.games import GameStore
from bot.store.rounds.hall import Hall
from bot.store.rounds.rounds import RoundStore
from bot.store.rounds.show_candidates import ShowCandidates
from bot.store.rounds.show_plans import ShowStore
from bot.tasks import Tasks
from bot.ui.content.credits import authors
from bot.ui.job_reply.consent_pages import ConsentPages
from bot.ui.job_reply.decision_pages import DecisionPages
from bot.ui.job_reply.evolution_pages import EvolutionPages
from bot.ui.job_reply.game_announcer import GameAnnouncer
from bot.ui.job_reply.game_pictures import GamePictures
from bot.ui.job_reply.round_announcer import COUNTER_S, RoundAnnouncer, RoundPages
from bot.ui.job_reply.show_pages import ShowPages
from bot.ui.pictures.compositing import Drawing
from engine import POCKET_WEIGHTS, Engine


@dataclass(frozen=True)
class GroupPlay:
    """What rounds and games are built on, and what they are made of."""

    database: Database
    engine: Engine
    rules: GuildRulesStore
    jobs: JobStore
    pictures: PictureStore
    drawing: Drawing
    job_service: JobService
    consents: Consents
    grants: GrantStore
    tasks: Tasks
    clock: Callable[[], datetime]
    counter_s: float = COUNTER_S
    """How many seconds the count of those who have voted or played stays as it is, at least."""

    def start(self) -> None:
        """Move rounds and games on, as soon as they can be shown."""
        self._start("rounds", self.announcer.attached, self.deadlines.run)
        self._start("games", self.game_announcer.attached, self.conductor.run)

    def _start(self, name: str, attached: asyncio.Event, run: Callable[[], Awaitable[None]]) -> None:
        async def once_attached() -> None:
            await attached.wait()  # what is due may be shown from then on
            await run()

        self.tasks.start(once_attached(), name)

    async def _banned(self, guild_id: int, at: datetime) -> Collection[int]:
        return banned_now((await self.rules.get(guild_id)).bans, at)

    # --- rounds -----------------------------------------------------------------------------------------

    @cached_property
    def rounds(self) -> RoundService:
        """Votes."""
        store = self._round_store
        electorate = Electorate(store, self._entry_store, store.present, self._banned, self.clock)
        return RoundService(store, electorate, self.announcer)

    @cached_property
    def evolutions(self) -> Evolutions:
        """`/evolve`, as members begin it."""
        return Evolutions(self._round_store, self._entry_store, self._studio, self.job_service.check, self.clock)

    @cached_property
    def interventions(self) -> Interventions:
        """Rounds, as moderators pause and end them."""
        return Interventions(self.rounds, self._round_store, self._entry_store, self.announcer, self.clock)

    @cached_property
    def consent_requests(self) -> ConsentRequests:
        """Questions to owners of pictures."""
        return ConsentRequests(self._round_store, self._entry_store, self.clock)

    @cached_property
    def shows(self) -> Shows:
        """Weekly shows, as moderators set them up."""
        return Shows(self._show_context, rules=self.rules.get, banned=self._banned, clock=self.clock)

    @cached_property
    def hall(self) -> Hall:
        """The winners of shows."""
        return Hall(self.database, self.pictures)

    @cached_property
    def announcer(self) -> RoundAnnouncer:
        """The messages of rounds."""
        shown = self.jobs, self.pictures, self.drawing
        pages: dict[RoundKind, RoundPages] = {
            RoundKind.DECIDE: DecisionPages(*shown),
            RoundKind.EVOLVE: EvolutionPages(*shown, self._round_store, self._entry_store),
            RoundKind.CONSENT: ConsentPages(self.jobs, self._entry_store),
            RoundKind.SHOW: ShowPages(*shown, self._entry_store, self._lines),
        }
        return RoundAnnouncer(pages, self.tasks, interval_s=self.counter_s, clock=self.clock)

    @cached_property
    def deadlines(self) -> Deadlines:
        """Moves rounds on when their time comes."""
        plays: dict[RoundKind, Play] = {
            RoundKind.DECIDE: self._deciding,
            RoundKind.EVOLVE: Evolving(self.rounds, self._round_store, self._entry_store, self._studio, self.announcer),
            RoundKind.CONSENT: self._asking,
            RoundKind.SHOW: self._showing,
        }
        return Deadlines(self._round_store, plays, clock=self.clock, hurry=self._hurry)

    async def _hurry(self) -> None:
        await self.rounds.hurry()
        await self.shows.turn()

    @cached_property
    def _deciding(self) -> Deciding:
        follow_up = VaryWinner(self.jobs, self.job_service.submit, self.consents.needed, self.consent_requests.ask)
        return Deciding(self.rounds, self._round_store, follow_up=follow_up, announcer=self.announcer)

    @cached_property
    def _asking(self) -> Asking:
        return Asking(
            self.rounds, self._round_store, self._entry_store, self.announcer, consents=self.consents,
            grants=self.grants, jobs=self.jobs, submit=self.job_service.submit,
        )  # fmt: skip

    @cached_property
    def _showing(self) -> Showing:
        return Showing(self._show_context, hall=self.hall, jobs=self.jobs, makers=partial(authors, self.jobs))

    @cached_property
    def _show_context(self) -> ShowContext:
        picker = ShowPicker(ShowCandidates(self.database), self._lines, self.clock)
        return ShowContext(
            self.rounds, self._round_store, self._entry_store, ShowStore(self.database), self.announcer, picker
        )  # fmt: skip

    @cached_property
    def _studio(self) -> Studio:
        return Studio(self.jobs, self.job_service.submit, self.job_service.cancel)

    @cached_property
    def _round_store(self) -> RoundStore:
        return RoundStore(self.database)

    @cached_property
    def _entry_store(self) -> EntryStore:
        return EntryStore(self.database)

    @cached_property
    def _lines(self) -> ExhibitReads:
        return ExhibitReads(self.database)

    # --- games ------------------------------------------------------------------------------------------

    @cached_property
    def games(self) -> GameService:
        """`/bluff` and `/telephone`."""
        return GameService(self._game_store, self.game_announcer, self._likeness, self.clock, self.conductor.wake)

    @cached_property
    def game_announcer(self) -> GameAnnouncer:
        """The messages of games."""
        shown = self._game_store, self.jobs, self.game_pictures
        return GameAnnouncer(*shown, self.tasks, interval_s=self.counter_s)

    @cached_property
    def game_pictures(self) -> GamePictures:
        """The pictures that games show privately."""
        return GamePictures(self.jobs, self.pictures, self.drawing)

    @cached_property
    def conductor(self) -> Conductor:
        """Leads games from phase to phase."""
        draws = GameDraws(self.job_service, self.jobs)
        return Conductor(
            self._game_store, self.game_announcer, draws, self._likeness, banned=self._banned, clock=self.clock
        )  # fmt: skip

    @cached_property
    def _likeness(self) -> Likeness:
        return Likeness(self.engine.embed if (POCKET_WEIGHTS / "text_encoder").exists() else None)

    @cached_property
    def _game_store(self) -> GameStore:
        return GameStore(self.database)
