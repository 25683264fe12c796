"""The measuring itself is right: arrivals, percentiles, evenness; and the baseline draws what the engine draws."""

from __future__ import annotations

import dataclasses
import itertools
import json
import statistics
from collections.abc import AsyncIterator
from pathlib import Path

import numpy
import pytest
import pytest_asyncio
import torch
from rich.console import Console

from engine import Engine, EngineSettings, Finished, ImageRequest, ModelSettings
from engine.bench import many_devices, parts
from engine.bench.edit_overhead import EditOverhead
from engine.bench.gpu import measure
from engine.bench.load import WHOLE_CALLS, SideBySide, UnderLoad, Ways, compare, whole_calls_settings
from engine.bench.report import Machine, Report
from engine.bench.sleeping_worker import ROW_S
from engine.bench.stand_in import save_stand_in
from engine.bench.traffic import (
    HEAVY,
    LIGHT,
    Arrival,
    Trip,
    Waits,
    at_once,
    between_s,
    busy,
    images_per_s,
    jain,
    poisson,
    typical,
)
from engine.bench.whole_calls import context_of
from engine.catalogue.catalogue import Catalogue
from engine.loading.load import load
from engine.loading.loaded_model import LoadedModel
from engine.operations import operate
from engine.pictures.images import open_picture

in_one_loop = pytest.mark.asyncio(loop_scope="module")


def test_arrivals_are_half_the_heavy_members_at_the_asked_rate() -> None:
    arrivals = poisson(4.0, 4000, seed=1)
    assert 0.47 < sum(each.member == HEAVY for each in arrivals) / 4000 < 0.53
    assert {each.member for each in arrivals} == {HEAVY, *LIGHT}
    assert arrivals[-1].at_s == pytest.approx(1000, rel=0.1)
    assert arrivals == poisson(4.0, 4000, seed=1)
    gaps = [b.at_s - a.at_s for a, b in itertools.pairwise(arrivals)]
    assert statistics.stdev(gaps) == pytest.approx(statistics.fmean(gaps), rel=0.1), "exponential gaps"


@pytest.mark.parametrize("count", [60, 600])
def test_a_typical_trace_has_the_line_of_an_endless_one(count: int) -> None:
    def line(arrivals: list[Arrival]) -> float:
        free_s, waits = 0.0, list[float]()
        for arrival in arrivals:
            free_s = max(free_s, arrival.at_s) + 0.2
            waits += [free_s - arrival.at_s] if arrival.member != HEAVY else []
        return Waits.of(waits).p95

    endless = statistics.fmean(line(poisson(4.5, 10_000, seed)) for seed in range(10, 16))
    assert line(typical(4.5, count, 0.9)) == pytest.approx(endless, rel=0.2)
    assert len(typical(4.5, count, 0.9)) == count
    assert len(typical(4.5, 2, 0.9)) == 2


def test_of_a_few_arrivals_some_are_light() -> None:
    assert {each.member for each in typical(4.5, 6, 0.9)} > {HEAVY}


def test_waits_are_percentiles() -> None:
    waits = Waits.of([float(number) for number in range(101)])
    assert (waits.p50, waits.p95, waits.mean, waits.count) == (50.0, 95.0, 50.0, 101)
    assert Waits.of([3.0]).p95 == 3.0


def trip(member: str, arrived_s: float, finished_s: float) -> Trip:
    return Trip(member, arrived_s, finished_s, finished_s, images=4, gpu_ms=1000.0)


def test_evenness_is_one_among_equals_and_low_where_one_waits() -> None:
    assert jain([trip("a", 0, 2), trip("b", 1, 3)]) == pytest.approx(1.0)
    assert jain([trip("a", 0, 0.001), trip("b", 0, 10)]) == pytest.approx(0.5, abs=0.01)
    assert images_per_s([trip("a", 1, 2), trip("b", 1, 5)]) == pytest.approx(2.0)
    assert busy([trip("a", 1, 2), trip("b", 1, 5)]) == pytest.approx(0.5)
    assert between_s([trip("a", 0, 9), trip("b", 0, 2), trip("c", 0, 1), trip("d", 0, 3)]) == pytest.approx(1.0)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> EngineSettings:
    folder = save_stand_in(tmp_path_factory.mktemp("models") / "small", channels=32)
    small = ModelSettings(source=str(folder), num_inference_steps=3, width=64, height=64, precision="float32")
    return EngineSettings(
        devices=("cpu",), models={"small": small}, default_model="small", safety=False, threads=1, max_waiting=1000
    )


@pytest.fixture(scope="module")
def model(settings: EngineSettings) -> LoadedModel:
    with torch.inference_mode():
        return load(Catalogue(settings).spec("small"), "cpu", settings=settings)


@pytest.fixture(scope="module")
def like(settings: EngineSettings) -> ImageRequest:
    asked = ImageRequest(prompt="a red apple", num_images=2, seed=5, negative_prompt="blurry")
    return Catalogue(settings).resolve(asked)[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ways(settings: EngineSettings, like: ImageRequest) -> AsyncIterator[Ways]:
    async with Engine(whole_calls_settings(settings), entry=WHOLE_CALLS) as whole_calls, Engine(settings) as engine:
        yield Ways(whole_calls, engine, like, together=False)


def test_the_parts_are_measured_with_real_lanes(
    settings: EngineSettings, model: LoadedModel, like: ImageRequest
) -> None:
    with torch.inference_mode():
        assert 0.0 < parts.preview_share(model, settings, like) < 1.0
        assert max(parts.cancel_ticks(model, settings, like)) == 0
        assert set(parts.knee(model, settings, like, 1).ms) == set(parts.KNEE_ROWS)


def test_overhead_is_that_of_a_denoiser_that_costs_nothing(settings: EngineSettings, like: ImageRequest) -> None:
    with torch.inference_mode():
        free = load(Catalogue(settings).spec("small"), "cpu", settings=settings)
        cost = parts.overhead(free, settings, like, "EulerDiscreteScheduler")
        assert free.parkable["unet"](torch.ones(2, 4, 8, 8), 1, None)[0].abs().max() == 0.0
    assert cost.engine_ms > 0.0
    assert cost.pipeline_ms > 0.0


@in_one_loop
async def test_the_baseline_draws_what_the_engine_draws(ways: Ways, model: LoadedModel, like: ImageRequest) -> None:
    """Both worker processes, the same request: only the way is measured, not the picture."""
    whole, merged = [await pictures(engine, like) for engine in (ways.whole_calls, ways.engine)]
    with torch.inference_mode():
        here = operate(context_of(model, like)).cells
    assert len(whole) == len(here) == 2
    for one, other, cell in zip(whole, merged, here, strict=True):
        assert numpy.abs(one - other).max() <= 1
        assert numpy.abs(one - cell * 255).max() <= 1


async def pictures(engine: Engine, request: ImageRequest) -> list[numpy.ndarray]:
    async with engine.submit(request) as events:
        finished = [event async for event in events if isinstance(event, Finished)]
    return [numpy.asarray(open_picture(image.png), dtype=float) for image in finished[0].images]


@in_one_loop
async def test_one_after_the_other_both_ways_meet_the_same_arrivals(ways: Ways) -> None:
    said: list[str] = []
    found = await ways.run(12, 0, said.append)
    whole_calls, engine = ([trip.member for trip in trips] for trips in found.trips)
    assert whole_calls == engine and len(engine) == 12
    assert min(found.saturated) > 0
    assert len(said) == 3


async def test_side_by_side_they_make_a_report(settings: EngineSettings, like: ImageRequest, tmp_path: Path) -> None:
    said: list[str] = []
    both = await compare(settings, like, budget_s=0.1, rounds=1, say=said.append, together=True)
    assert "a full queue of 6, round 1 of 1" in said
    assert both.whole_calls.all_to_grid.count == both.engine.all_to_grid.count == both.requests >= 12
    assert both.light_to_grid_ratio > 0
    assert 0 < both.engine.jain <= 1
    overhead, edits = parts.Overhead("Euler", 0.5, 0.3), EditOverhead("Euler", 0.4, 0.2)
    report = Report("small", {}, 1, Machine.here(), 0.0, 1.0, both, [overhead], [edits], 0.01, [0], [])
    report.save(tmp_path / "bench.json")
    report.show(Console(file=(tmp_path / "bench.txt").open("w"), width=120))
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert kept["ratios"]["throughput"] == both.throughput_ratio
    assert "light members, to grid" in (tmp_path / "bench.txt").read_text()


def test_a_missed_aim_says_missed(tmp_path: Path) -> None:
    waits = Waits(1.0, 2.0, 1.0, 10)
    ways = UnderLoad(waits, waits, waits, waits, waits, 1.0, 1.0, 0.9)
    both = SideBySide(0.9, 10, 1.0, 1.0, 0.5, ways, ways)
    report = Report("small", {}, 1, Machine.here(), 0.0, 1.0, both, [], [], 0.01, [0], [])
    with (tmp_path / "bench.txt").open("w") as file:
        report.show(Console(file=file, width=120))
    assert "0.500" in (tmp_path / "bench.txt").read_text()
    assert "missed" in (tmp_path / "bench.txt").read_text()
    assert at_once(2) == [Arrival(0.0, HEAVY, 1000), Arrival(0.0, LIGHT[0], 1016)]
    assert dataclasses.asdict(both)["load"] == 0.9


@pytest.mark.timeout(300)
def test_the_gpu_suite_measures_everything_in_miniature() -> None:
    said: list[str] = []
    report = measure(said.append, queue=1, miniature=True, models=("z-image",))
    ways = {(each.model, each.way, each.compiled) for each in report.throughput}
    assert ("z-image", "engine, attention by _native_math", False) in ways
    assert len(ways) == 6 and all(each.images_per_s > 0 for each in report.throughput)
    assert all(each.psnr_db > 30 for each in report.exactness), report.exactness
    assert set(report.knees) == set(report.tflop_per_image) == {"z-image"}
    assert "miniature" in report.device


def test_stand_in_devices_sleep_and_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_devices, "EACH", 1)
    report = many_devices.measure(lambda _: None, tmp_path, many_devices.Effort(2, 1, (2,)))
    (row,) = report.rows
    assert (row.devices, row.times_one) == (2, 1.0)
    assert row.asleep == pytest.approx(row.steps_per_s * ROW_S / 2)
    assert 0 < row.asleep <= 1
    assert min(row.dispatcher_ms, row.worker_ms) > 0
    report.save(tmp_path / "figures.json")
    assert json.loads((tmp_path / "figures.json").read_text())["through"] == "local"
    report.show(Console(record=True, width=120))
