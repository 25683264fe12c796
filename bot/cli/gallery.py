"""`darkroom gallery`: the gallery by itself, for hosts who run it as a service of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.errors import ConfigError
from bot.log import configure
from bot.settings import load
from bot.stop_signals import on_stop

if TYPE_CHECKING:
    from bot.gallery.plan import GalleryPlan


def gallery(
    config: Annotated[Path | None, typer.Option(help="Configuration file.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the pages; by default operation.gallery.port.")
    ] = None,
) -> None:
    """Show the gallery. `darkroom run` does so by itself when operation.gallery.port is set."""
    from bot.gallery.server import step_back
    from bot.operation.gallery import plan_of

    settings = load(config)
    if port is not None:
        page = settings.operation.gallery.model_copy(update={"port": port})
        operation = settings.operation.model_copy(update={"gallery": page})
        settings = settings.model_copy(update={"operation": operation})
    plan = plan_of(settings)
    if plan is None:
        raise ConfigError("operation.gallery.port", "is not set; set it, or give --port")
    configure(plan.log_level, plan.log_format)
    step_back()
    asyncio.run(_serve(plan))


async def _serve(plan: GalleryPlan) -> None:
    from bot.gallery.server import serve

    stopping = asyncio.Event()
    on_stop(stopping.set)
    async with serve(plan) as running:
        typer.echo(f"The gallery is at {plan.origin(running.port)}")
        await stopping.wait()
