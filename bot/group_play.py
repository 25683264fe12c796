"""Rounds and games, composed: their stores, services, announcers, and the tasks that move them on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial

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
from bot.ui.job_reply.round_announcer import RoundAnnouncer, RoundPages
from bot.ui.job_reply.show_pages import ShowPages
from bot.ui.pictures.compositing import Drawing
from engine import POCKET_WEIGHTS, Engine


@dataclass(frozen=True)
class Rounds:
    """Votes, `/evolve`, and questions to owners."""

    rounds: RoundService
    consent_requests: ConsentRequests
    evolutions: Evolutions
    interventions: Interventions
    announcer: RoundAnnouncer
    shows: Shows
    hall: Hall


@dataclass(frozen=True)
class Games:
    """`/bluff` and `/telephone`."""

    games: GameService
    announcer: GameAnnouncer
    pictures: GamePictures


@dataclass(frozen=True)
class GroupPlay:
    """What rounds and games are built on."""

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

    def rounds(self) -> Rounds:
        """Compose the rounds and start moving them on."""
        store, entries = RoundStore(self.database), EntryStore(self.database)
        shown, lines = (self.jobs, self.pictures, self.drawing), ExhibitReads(self.database)
        picker = ShowPicker(ShowCandidates(self.database), lines, self.clock)
        plans, hall = ShowStore(self.database), Hall(self.database, self.pictures)
        pages: dict[RoundKind, RoundPages] = {
            RoundKind.DECIDE: DecisionPages(*shown),
            RoundKind.EVOLVE: EvolutionPages(*shown, store, entries),
            RoundKind.CONSENT: ConsentPages(self.jobs, entries),
            RoundKind.SHOW: ShowPages(*shown, entries, lines),
        }
        announcer = RoundAnnouncer(pages, self.tasks, clock=self.clock)
        electorate = Electorate(store, entries, store.present, self._banned, self.clock)
        rounds = RoundService(store, electorate, announcer)
        asks = ConsentRequests(store, entries, self.clock)
        follow_up = VaryWinner(self.jobs, self.job_service.submit, self.consents.needed, asks.ask)
        studio = Studio(self.jobs, self.job_service.submit, self.job_service.cancel)
        plays: dict[RoundKind, Play] = {
            RoundKind.DECIDE: Deciding(rounds, store, follow_up=follow_up, announcer=announcer),
            RoundKind.EVOLVE: Evolving(rounds, store, entries, studio, announcer),
            RoundKind.CONSENT: Asking(
                rounds, store, entries, announcer, consents=self.consents, grants=self.grants, jobs=self.jobs,
                submit=self.job_service.submit,
            ),
            RoundKind.SHOW: Showing(
                rounds, store, entries, plans, announcer, picker=picker, hall=hall, jobs=self.jobs,
                makers=partial(authors, self.jobs),
            ),
        }  # fmt: skip
        shows = Shows(
            rounds,
            store,
            entries,
            plans,
            announcer,
            picker,
            rules=self.rules.get,
            banned=self._banned,
            clock=self.clock,
        )

        async def hurry() -> None:
            await rounds.hurry()
            await shows.turn()

        deadlines = Deadlines(store, plays, clock=self.clock, hurry=hurry)
        self._start("rounds", announcer.attached, deadlines.run)
        evolutions = Evolutions(store, entries, studio, self.job_service.check, self.clock)
        interventions = Interventions(rounds, store, entries, announcer, self.clock)
        return Rounds(rounds, asks, evolutions, interventions, announcer, shows, hall)

    def games(self) -> Games:
        """Compose the games and start moving them on."""
        store, pictures = GameStore(self.database), GamePictures(self.jobs, self.pictures, self.drawing)
        announcer = GameAnnouncer(store, self.jobs, pictures, self.tasks)
        likeness = Likeness(self.engine.embed if (POCKET_WEIGHTS / "text_encoder").exists() else None)
        draws = GameDraws(self.job_service, self.jobs)
        conductor = Conductor(store, announcer, draws, likeness, banned=self._banned, clock=self.clock)
        self._start("games", announcer.attached, conductor.run)
        return Games(GameService(store, announcer, likeness, self.clock, conductor.wake), announcer, pictures)

    async def _banned(self, guild_id: int, at: datetime) -> Collection[int]:
        return banned_now((await self.rules.get(guild_id)).bans, at)

    def _start(self, name: str, attached: asyncio.Event, run: Callable[[], Awaitable[None]]) -> None:
        async def once_attached() -> None:
            await attached.wait()  # what is due may be shown from then on
            await run()

        self.tasks.start(once_attached(), name)
