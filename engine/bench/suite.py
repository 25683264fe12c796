"""The load suite from beginning to end: choose a model, compare both ways, then look at the parts."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.bench import STAND_IN, edit_overhead, parts
from engine.bench.load import compare
from engine.bench.report import Machine, Report, load_average
from engine.bench.stand_in import save_stand_in
from engine.catalogue.catalogue import Catalogue
from engine.errors import ModelLoadFailed
from engine.loading.load import load, quiet
from engine.loading.loaded_model import LoadedModel
from engine.requests import ImageRequest
from engine.settings import EngineSettings, ModelSettings

CHOSEN, POCKET = "chosen", "pocket"
PROMPT = "a lighthouse in a storm, oil painting"
MANY = 10_000
NOISE_SCHEDULERS = ("EulerDiscreteScheduler", "DPMSolverMultistepScheduler")


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure, and with how large a request (None: as the model would have it)."""

    load_s: float
    rounds: int
    repeats: int
    side: int | None = None
    steps: int | None = None
    together: bool = False
    """Both ways at the same time, one thread each, where there are cores for that."""
    own_size: bool = True
    """Also look at the parts at the model's own size."""


# A line has to form before its order matters: in a short run the requests are small, so that there are enough of them.
QUICK, FULL = Effort(22.0, 1, 3, side=64, steps=3, together=True, own_size=False), Effort(180.0, 3, 9)


@dataclass
class LoadSuite:
    """One run."""

    model: str
    """A configured name, a folder, or "" for `pocket` where its weights are, else a small random model."""
    device: str
    scratch: Path
    effort: Effort
    threads: int | None
    """Threads of a worker; None means all."""
    say: Callable[[str], None]

    def run(self) -> Report:
        """Measure everything."""
        quiet()
        began_s, machine = time.perf_counter(), Machine.here()
        self.say("drawing a small random model")
        save_stand_in(self.scratch / STAND_IN)
        settings = self._settings()
        name = self._name(settings)
        like, own = self._like(settings, name), self._like(settings, name, small=False)
        effort = self.effort
        both = asyncio.run(compare(settings, like, effort.load_s, effort.rounds, self.say, self._is_together))
        self.say("looking at the engine's parts")
        if self.threads:
            torch.set_num_threads(self.threads)
        with torch.inference_mode():
            model = self._load(settings, like.model)
            preview_share = parts.preview_share(model, settings, own)
            cancel_ticks = parts.cancel_ticks(model, settings, like)
            sizes = (like, own) if self.effort.own_size else (like,)
            knees = [parts.knee(model, settings, each, self.effort.repeats) for each in sizes]
            overhead = self._overhead(settings)
            edits = [edit_overhead.measure(noise_scheduler) for noise_scheduler in NOISE_SCHEDULERS]
        return Report(
            model=self.model or like.model,
            request=like.model_dump(mode="json", include={"num_images", "width", "height", "num_inference_steps"}),
            threads=settings.threads or torch.get_num_threads(),
            machine=machine,
            load_after=load_average(),
            seconds=time.perf_counter() - began_s,
            side_by_side=both,
            overhead=overhead,
            edits=edits,
            preview_share=preview_share,
            cancel_ticks=cancel_ticks,
            knees=knees,
        )

    def _settings(self) -> EngineSettings:
        stand_in = ModelSettings(
            source=str(self.scratch / STAND_IN), num_inference_steps=12, guidance_scale=5.0, width=256, height=256
        )
        models = {STAND_IN: stand_in}
        if self.model and Path(self.model).is_dir():
            models[CHOSEN] = ModelSettings(source=self.model)
        return EngineSettings(
            devices=(self.device,),
            models=models,
            max_waiting=MANY,
            max_waiting_per_member=MANY,
            safety=False,
            offline=True,
            threads=self.threads or (1 if self._is_together else None),
        )

    @property
    def _is_together(self) -> bool:
        is_cpu = self.device == "cpu" or (self.device == "auto" and not torch.cuda.is_available())
        return self.effort.together and is_cpu and (os.cpu_count() or 1) >= 2

    def _name(self, settings: EngineSettings) -> str:
        return CHOSEN if CHOSEN in settings.models else self.model or self._default(settings)

    def _like(self, settings: EngineSettings, name: str, small: bool = True) -> ImageRequest:
        """The request everybody makes, complete; or one of the model's own size."""
        side, steps = (self.effort.side, self.effort.steps) if small else (None, None)
        asked = ImageRequest(prompt=PROMPT, model=name, width=side, height=side, num_inference_steps=steps)
        return Catalogue(settings).resolve(asked)[0]

    def _default(self, settings: EngineSettings) -> str:
        try:
            Catalogue(settings).resolve(ImageRequest(prompt=PROMPT, model=POCKET))
            self._load(settings, POCKET)
        except ModelLoadFailed:
            return STAND_IN
        return POCKET

    def _load(self, settings: EngineSettings, name: str) -> LoadedModel:
        device = "cuda" if self.device == "auto" and torch.cuda.is_available() else self.device
        return load(Catalogue(settings).spec(name), "cpu" if device == "auto" else device, settings=settings)

    def _overhead(self, settings: EngineSettings) -> list[parts.Overhead]:
        """At the latents of 1024 pixels, always with the small random model: only its UNet can be had for nothing."""
        asked = ImageRequest(prompt=PROMPT, model=STAND_IN, width=1024, height=1024)
        like = Catalogue(settings).resolve(asked)[0]
        model = self._load(settings, STAND_IN)
        return [parts.overhead(model, settings, like, noise_scheduler) for noise_scheduler in NOISE_SCHEDULERS]
