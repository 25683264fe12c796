"""What the step cache saves and what it changes: `pocket` at each level, against the exact pictures.

The difference of two pictures is their cosine distance in the embedded picture encoder's space, given as a share of the
distance between pictures of the same prompt from neighbouring seeds.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table

from engine.bench.desk import Desk
from engine.catalogue.catalogue import Catalogue
from engine.loading.load import load, quiet
from engine.pictures.images import open_picture
from engine.pocket.obedience import obeys_background, obeys_colour
from engine.pocket.vision import PictureEncoder
from engine.processes.protocol import LaneFinished
from engine.requests import ImageRequest
from engine.settings import EngineSettings, StepCacheLevel

_LEVELS: tuple[StepCacheLevel, ...] = ("off", "careful", "fast")


@dataclass(frozen=True, slots=True)
class Row:
    """One level at one number of steps; ratios are to the exact pictures in the same run."""

    steps: int
    level: str
    rows_saved: float
    """Part of the denoiser's rows that were not computed."""
    difference: float
    """As a share of the distance of two neighbouring seeds."""
    ssim: float
    colours: str
    backgrounds: str
    speed: float
    """Pictures per second of processor time, in multiples of the exact ones."""


@dataclass(frozen=True, slots=True)
class StepCacheReport:
    """The table."""

    rows: tuple[Row, ...]

    def show(self, console: Console) -> None:
        """Print it."""
        table = Table(*(field.name for field in dataclasses.fields(Row)))
        for row in self.rows:
            values = (f"{value:.3f}" if isinstance(value, float) else str(value) for value in dataclasses.astuple(row))
            table.add_row(*values)
        console.print(table)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps([dataclasses.asdict(row) for row in self.rows], indent=1) + "\n", "utf-8")


@dataclass
class _Drawing:
    """Draws prompts through lanes, one request each, all at once; remembers what it drew and took."""

    desk_of: Callable[[], Desk]
    resolve: Callable[[ImageRequest], ImageRequest]
    steps: int
    level: StepCacheLevel
    next_seed: int = 0
    seconds: float = 0.0
    saved: tuple[int, int] = (0, 0)
    drawn: tuple[torch.Tensor, ...] = ()

    def draw(self, prompts: Sequence[str]) -> torch.Tensor:
        """(n, 3, H, W) in [-1, 1]; prompt i has seed 100 i."""
        desk, began_s = self.desk_of(), time.process_time()
        asked = [self._ask(prompt, 100 * index + self.next_seed) for index, prompt in enumerate(prompts)]
        caches = [desk.open(request, previews=False).step_cache for request in asked]
        desk.finish()
        desk.wait()
        self.seconds += time.process_time() - began_s
        done = {word.request_id: word.finished for word in desk.said if isinstance(word, LaneFinished)}
        pictures = [np.asarray(open_picture(done[request.id].images[0].png)) for request in asked]
        found = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 127.5 - 1
        run, wanted = self.saved
        run += sum(cache.rows_run for cache in caches if cache)
        self.saved = run, wanted + sum(cache.rows_asked for cache in caches if cache)
        self.drawn = (*self.drawn, found)
        return found

    def _ask(self, prompt: str, seed: int) -> ImageRequest:
        return self.resolve(
            ImageRequest(
                prompt=prompt,
                seed=seed,
                num_images=1,
                num_inference_steps=self.steps,
                step_cache=self.level,
                member=prompt,
            )
        )


def measure(say: Callable[[str], None], steps: Sequence[int] = (25, 12), count: int = 24) -> StepCacheReport:
    """Draw `count` colours and about as many backgrounds at each level and number of steps, with one thread."""
    settings = EngineSettings(threads=1)
    torch.set_num_threads(1)
    quiet()
    catalogue = Catalogue(settings)
    rows: list[Row] = []
    with torch.inference_mode():
        model, judge = load(catalogue.spec("pocket"), "cpu", settings=settings), PictureEncoder.load()

        def drawing(steps: int, level: StepCacheLevel, next_seed: int = 0) -> tuple[_Drawing, str, str]:
            say(f"{steps} steps, {level}")
            made = _Drawing(
                lambda: Desk(model, settings), lambda asked: catalogue.resolve(asked)[0], steps, level, next_seed
            )
            return made, str(obeys_colour(made.draw, count)), str(obeys_background(made.draw, count))

        drawing(1, "off")  # proofs and sweeps
        for number in steps:
            exact, *_ = drawing(number, "off")
            other, *_ = drawing(number, "off", next_seed=1)
            unit = _distance(judge, exact, other)
            for level in _LEVELS:
                made, colours, backgrounds = drawing(number, level)
                run, asked = made.saved
                rows.append(
                    Row(
                        number,
                        level,
                        1 - run / asked if asked else 0.0,
                        _distance(judge, exact, made) / unit,
                        _ssim(torch.cat(exact.drawn), torch.cat(made.drawn)),
                        colours,
                        backgrounds,
                        exact.seconds / made.seconds,
                    )
                )
    return StepCacheReport(tuple(rows))


def _distance(judge: PictureEncoder, one: _Drawing, other: _Drawing) -> float:
    (seen, _), (also, _) = judge(torch.cat(one.drawn)), judge(torch.cat(other.drawn))
    return float((1 - (seen * also).sum(1)).mean())


def _ssim(one: torch.Tensor, other: torch.Tensor) -> float:
    """Structural similarity (Wang et al. 2004) of luminance in [-1, 1], in windows of 7 x 7 pixels."""
    a, b = one.mean(1, keepdim=True), other.mean(1, keepdim=True)
    mean_a, mean_b = F.avg_pool2d(a, 7, 1), F.avg_pool2d(b, 7, 1)
    spread = F.avg_pool2d(a * a, 7, 1) - mean_a**2, F.avg_pool2d(b * b, 7, 1) - mean_b**2
    common = F.avg_pool2d(a * b, 7, 1) - mean_a * mean_b
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    alike = (2 * mean_a * mean_b + c1) * (2 * common + c2)
    return float((alike / ((mean_a**2 + mean_b**2 + c1) * (sum(spread) + c2))).mean())
