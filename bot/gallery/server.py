"""The gallery's server: opens the bot's data for reading, and answers until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from bot.errors import ConfigError
from bot.gallery.catalogue import Catalogue
from bot.gallery.discord_login import DiscordLogin
from bot.gallery.downloads import Downloads
from bot.gallery.gate import Gate
from bot.gallery.guard import answering, hosts_of
from bot.gallery.keeper import Keeper
from bot.gallery.likeness import Likeness
from bot.gallery.own import OwnPictures
from bot.gallery.pages import Pages
from bot.gallery.plan import GalleryPlan
from bot.gallery.requests import JOB, NUMBER
from bot.gallery.tracer import Tracer
from bot.gallery.views import Views
from bot.gallery.visitors import Visitors
from bot.store import migrate
from bot.store.connections import shown
from bot.store.database import Database
from bot.store.gallery.candidates import Candidates
from bot.store.gallery.exhibits import ExhibitReads
from bot.store.gallery.traces import TraceStore
from bot.store.jobs.job_reads import JobReads
from bot.store.pictures import PictureStore
from engine import POCKET_WEIGHTS, PictureEmbedder, TextEmbedder

NICENESS = 10
"""The bot and its engine go first on a busy machine."""
ROBOTS = "User-agent: *\nDisallow: /\n"
Clock = Callable[[], datetime]

log = logging.getLogger(__name__)


class Gallery:
    """A running gallery."""

    def __init__(self, port: int, keeper: Keeper, catalogue: Catalogue, likeness: Likeness) -> None:
        self.port, self.keeper, self.catalogue, self.likeness = port, keeper, catalogue, likeness


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


@asynccontextmanager
async def serve(plan: GalleryPlan, clock: Clock = now) -> AsyncGenerator[Gallery]:
    """Answer while the block runs.

    Raises:
        ConfigError: the database is not there or of another version, or the port cannot be used.
    """
    quieten()
    async with AsyncExitStack() as opened:
        database = await Database.look(plan.database)
        opened.push_async_callback(database.close)
        await _require_schema(database)
        traces = await TraceStore.open(plan.data_dir)
        opened.push_async_callback(traces.close)
        texts, encoder = _embedders(opened)
        pictures = PictureStore.open(plan.pictures)
        tracer = Tracer(traces, pictures, encoder)
        opened.callback(tracer.close)
        exhibits, candidates, catalogue, likeness = (
            ExhibitReads(database),
            Candidates(database),
            Catalogue(),
            Likeness(),
        )
        gate, pages = Gate(exhibits, clock), Pages(plan.title, can_sign_in=plan.can_sign_in)

        def app(port: int) -> web.Application:
            origin = plan.origin(port)
            login = DiscordLogin(plan, origin / "signed-in") if plan.can_sign_in else None
            visitors = Visitors(login, origin, clock)
            own, jobs = OwnPictures(candidates), JobReads(database)
            views = Views(gate, catalogue, likeness, own, jobs, tracer, texts, pages, visitors, clock)
            made = web.Application(client_max_size=1024, middlewares=[answering(pages, hosts_of(origin, port))])
            made.add_routes(_routes(views, Downloads(gate, pictures, tracer, visitors), visitors, pages))
            return made

        keeper = Keeper(candidates, exhibits, catalogue, likeness, traces, tracer, clock)
        port = await _listen(opened, plan, app)
        keeping = asyncio.create_task(keeper.run(), name="gallery keeper")
        opened.push_async_callback(_end, keeping)
        yield Gallery(port, keeper, catalogue, likeness)


def _routes(views: Views, downloads: Downloads, visitors: Visitors, pages: Pages) -> list[web.RouteDef]:
    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def robots(_: web.Request) -> web.Response:
        return web.Response(text=ROBOTS)

    return [
        web.get("/", views.index),
        web.get("/mine", views.mine),
        web.get(f"/p/{JOB}", views.picture),
        web.get(f"/p/{JOB}/{NUMBER}", views.picture),
        web.get(f"/p/{JOB}/{NUMBER}/alike", views.alike),
        web.get(f"/small/{JOB}/{NUMBER}.webp", downloads.small),
        web.get(f"/full/{JOB}/{NUMBER}.png", downloads.full),
        web.get("/sign-in", visitors.sign_in),
        web.get("/signed-in", visitors.signed_in),
        web.post("/sign-out", visitors.sign_out),
        web.get("/static/{tag}/{name}", pages.static),
        web.get("/robots.txt", robots),
        web.get("/healthz", alive),
    ]


async def _listen(opened: AsyncExitStack, plan: GalleryPlan, app: Callable[[int], web.Application]) -> int:
    """Take the port first: the addresses that the page answers under hold it."""
    family = socket.AF_INET6 if ":" in plan.listen else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((plan.listen, plan.port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError("operation.gallery.port", f"{plan.listen}:{plan.port} cannot be used: {error}") from error
    port = int(listener.getsockname()[1])
    runner = web.AppRunner(app(port), access_log=None, shutdown_timeout=1, keepalive_timeout=20)
    await runner.setup()
    opened.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listener, backlog=256).start()
    log.info("the gallery is at %s", plan.origin(port), extra={"action": "gallery"})
    return port


async def _require_schema(database: Database) -> None:
    revision = await database.revision()
    if revision != migrate.head():
        why = "has no tables yet" if revision is None else f"is of another version ({revision}, not {migrate.head()})"
        raise ConfigError("database", f"{shown(database.url)} {why}; start the bot of this version first")


def _embedders(opened: AsyncExitStack) -> tuple[TextEmbedder | None, PictureEmbedder | None]:
    """The encoders of the embedded model; None where it is not installed."""
    if not (POCKET_WEIGHTS / "vision").exists() or not (POCKET_WEIGHTS / "text_encoder").exists():
        return None, None
    texts, pictures = TextEmbedder(POCKET_WEIGHTS), PictureEmbedder(POCKET_WEIGHTS)
    opened.callback(texts.close)
    opened.callback(pictures.close)
    return texts, pictures


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def quieten() -> None:
    """Log nothing of requests that are no HTTP: strangers send many, and they say nothing about the gallery."""
    logging.getLogger("aiohttp.server").addFilter(_is_about_us)


def _is_about_us(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], BadHttpMessage))


def step_back() -> None:
    """Let the bot go first."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
