"""HTTP server for /healthz and /metrics on the loopback address; off unless `operation.http_port` is set."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from bot.errors import ConfigError


@dataclass(frozen=True)
class Health:
    """Whether the bot can serve members; `why` names what is missing."""

    is_ready: bool
    why: str = ""


@dataclass(frozen=True)
class Metric:
    """One sample of a metric; names follow the Prometheus conventions (https://prometheus.io/docs/practices/naming)."""

    name: str
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()
    is_counter: bool = False


@asynccontextmanager
async def serve(
    port: int | None,
    health: Callable[[], Awaitable[Health]],
    metrics: Callable[[], Awaitable[Iterable[Metric]]],
) -> AsyncGenerator[int | None]:
    """Serve /healthz and /metrics on 127.0.0.1 while the block runs; yields the port, or None when off.

    Raises:
        ConfigError: the port cannot be used, or `prometheus_client` is not installed.
    """
    if port is None:
        yield None
        return
    if importlib.util.find_spec("prometheus_client") is None:
        remedy = "in Darkroom's folder: pip install -c constraints.txt '.[metrics]'"
        raise ConfigError("operation.http_port", f"the package prometheus_client is missing; {remedy}")

    async def healthz(_: web.Request) -> web.Response:
        state = await health()
        return web.Response(text=state.why or "ok", status=200 if state.is_ready else 503)

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(text=exposition(await metrics()), content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/metrics", scrape)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await _listen(runner, port)
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, port: int) -> None:
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        raise ConfigError("operation.http_port", f"{port} cannot be used: {error.strerror}; choose another") from error


def exposition(metrics: Iterable[Metric]) -> str:
    """Return the metrics in Prometheus' text format."""
    from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.exposition import generate_latest

    families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for metric in metrics:
        names = [name for name, _ in metric.labels]
        family = CounterMetricFamily if metric.is_counter else GaugeMetricFamily
        found = families.setdefault(metric.name, family(metric.name, metric.help, labels=names))
        found.add_metric([value for _, value in metric.labels], metric.value)

    class Once:
        def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
            return families.values()

    registry = CollectorRegistry()
    registry.register(Once())  # pyright: ignore[reportArgumentType] - a collector is anything with collect()
    return generate_latest(registry).decode()
