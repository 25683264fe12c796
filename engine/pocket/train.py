"""Training the denoiser, on the clock instead of on a step count."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

import torch
import torch.distributed as dist
import torch.nn.functional as F
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from transformers import AutoTokenizer

from engine.pocket.blocks import Sketch
from engine.pocket.boxes import SIZE
from engine.pocket.canvas import Canvas
from engine.pocket.checkpoint import naming
from engine.pocket.codec import PixelCodec
from engine.pocket.data import Collection
from engine.pocket.errors import BrokenRun
from engine.pocket.objective import mixed, signal_to_noise, velocity_error
from engine.pocket.optimizers import optimizers
from engine.pocket.pose import Pose, static_of
from engine.pocket.recipe import Recipe, beginning, learning_rate
from engine.pocket.runs import CHECKPOINT, LOSSES, checkpoint, keep
from engine.pocket.scenes import SceneWriter
from engine.pocket.text_encoder import PocketTextEncoder

_VISIBLE = 0.2
"""Share of the signal from which on it can be seen how things stand."""

_ELSEWHERE = 0.4
"""How often they stand otherwise then than the static says, as in a picture that somebody gave."""


@dataclass(frozen=True)
class Progress:
    """One finished step, for the progress bar and the loss curve."""

    step: int
    pictures: int
    seconds: float
    loss: float


class Trainer:
    """One training process; several of them average their gradients over gloo or nccl."""

    def __init__(self, recipe: Recipe, cache: Path, run: Path, weights: Path, device: torch.device) -> None:
        self._recipe, self._run, self._device = recipe, run, device
        self._rank = dist.get_rank() if dist.is_initialized() else 0
        self._world = dist.get_world_size() if dist.is_initialized() else 1
        torch.manual_seed(recipe.seed)
        self.denoiser = beginning(recipe)
        cast(Any, self.denoiser).to(device=device, memory_format=torch.channels_last)
        self._small: Callable[[Tensor, Tensor, Tensor], Sketch] = self.denoiser.sketch
        self._full: Callable[[Tensor, Tensor, Tensor], tuple[Sketch, Tensor | None]] = self.denoiser.drawn
        if device.type == "cuda":
            self._small = torch.compile(self._small, dynamic=False)
            self._full = torch.compile(self._full, dynamic=False)
        self._optimizers = optimizers(self.denoiser, recipe)
        self._ema = EMAModel(
            self.denoiser.parameters(), decay=recipe.ema_decay, use_ema_warmup=True, power=0.8, foreach=True
        )
        self._tokenizer = AutoTokenizer.from_pretrained(weights / "tokenizer")
        self._text = PocketTextEncoder.from_pretrained(weights / "text_encoder", dtype=torch.bfloat16)
        nn.Module.to(self._text, device=device)
        self._codec = PixelCodec()
        collection = Collection.load(cache)
        self._canvas = Canvas(collection, device)
        self.step, self.pictures, self.seconds = 0, 0, 0.0
        self._resume()
        # A fresh seed per resumption and process: no picture sequence is seen twice.
        seed = recipe.seed + 1000 * self._rank + self.step
        self._writer = SceneWriter(collection.sprites, self._canvas.colours(), seed)
        self._noise = torch.Generator(device).manual_seed(seed)
        self._random = Random(seed)  # noqa: S311 - pictures, not secrets

    def run(self, finished: Callable[[Progress], None], save_every: float = 60.0) -> None:
        """Train until the recipe's minutes are over, saving every `save_every` seconds and at the end."""
        saved = self.seconds
        while not self._over():
            started = time.monotonic()
            loss = self.one_step()
            self.seconds += time.monotonic() - started
            self.step += 1
            if self._rank == 0:
                done = Progress(self.step, self.pictures, self.seconds, loss)
                self._log(done)
                finished(done)
                if self.seconds - saved > save_every:
                    self.save()
                    saved = self.seconds
        if self._rank == 0:
            self.save()

    def save(self) -> None:
        """Write the checkpoint (atomically): weights, averaged weights, optimizer state, clock."""
        state: dict[str, Any] = {
            "denoiser": self.denoiser.state_dict(),
            "ema": self._ema.state_dict(),
            "optimizers": [each.state_dict() for each in self._optimizers],
            "config": {key: value for key, value in self.denoiser.config.items() if not key.startswith("_")},
            "step": self.step,
            "pictures": self.pictures,
            "seconds": self.seconds,
        }
        keep(self._run, state)

    def _resume(self) -> None:
        self._run.mkdir(parents=True, exist_ok=True)
        if not (self._run / CHECKPOINT).exists():
            return
        state = checkpoint(self._run, self._device)
        with naming(self._run / CHECKPOINT, BrokenRun):
            self.denoiser.load_state_dict(state["denoiser"])
            self._ema.load_state_dict(state["ema"])
            for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
        self.step, self.pictures, self.seconds = state["step"], state["pictures"], state["seconds"]

    def _over(self) -> bool:
        if self._world > 1:
            # One clock for all: they must change from the small pictures to the large ones in the same step.
            clock = torch.tensor([self.seconds], dtype=torch.float64, device=self._device)
            dist.broadcast(clock, src=0)
            self.seconds = float(clock)
        return self.seconds >= self._recipe.minutes * 60

    def one_step(self) -> float:
        """One update of all weights; returns the loss."""
        part = self.seconds / (self._recipe.minutes * 60)
        small = part < self._recipe.small_until
        recipe = self._recipe
        count, mean = (recipe.small_batch, recipe.small_noise_mean) if small else (recipe.batch, recipe.noise_mean)
        ratio = signal_to_noise(count, mean, recipe.noise_spread, self._noise)
        static = torch.randn((count, 4, SIZE, SIZE), device=self._device, generator=self._noise)
        latents, states = self._batch(
            self._poses(static, ratio), recipe.composed if part > recipe.composed_from else 0.0
        )
        if small:
            # The mean of four independent noises is half of one.
            latents, static = F.avg_pool2d(latents, 2), F.avg_pool2d(static, 2) * 2
        with torch.autocast(self._device.type, torch.bfloat16):
            loss = self._loss(latents, static, ratio, states, small)
        loss.backward()
        self._average_gradients()
        nn.utils.clip_grad_norm_(self.denoiser.parameters(), 1.0)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * learning_rate(self.step, part)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._ema.step(self.denoiser.parameters())
        self.pictures += len(latents) * self._world
        return float(loss.detach())

    def _poses(self, static: Tensor, ratio: Tensor) -> Pose:
        """What the static (B, 4, SIZE, SIZE) says, and now and then something else."""
        share = ratio / (1 + ratio)
        chance = torch.rand(len(share), device=self._device, generator=self._noise)
        other = torch.randn(static.shape, device=self._device, generator=self._noise)
        elsewhere = (share > _VISIBLE) & (chance < _ELSEWHERE)
        decisive = torch.where(elsewhere[:, None, None, None], other, static)
        return Pose.of(static_of(decisive, torch.zeros_like(ratio)))

    def _batch(self, pose: Pose, composed: float) -> tuple[Tensor, Tensor]:
        """Clean latents (B, 4, H, W) and token states (B, L + R, 384) with drawings behind them."""
        scenes = [self._writer.scene(composed) for _ in range(len(pose.scale))]
        captions = [scene.caption for scene in scenes]
        # On CUDA a fixed length keeps the compiled graph; on a CPU shorter is cheaper.
        padding = "max_length" if self._device.type == "cuda" else "longest"
        tokens = self._tokenizer(captions, padding=padding, truncation=True, return_tensors="pt").to(self._device)
        with torch.no_grad():
            states = self._text(tokens.input_ids, tokens.attention_mask).last_hidden_state.float()
            latents = self._codec.latents(self._canvas.paint(scenes, pose))
        drawings = self._canvas.remembered(scenes, self._random, states.shape[-1])
        return latents, torch.cat((states, drawings), dim=1)

    def _loss(self, clean: Tensor, static: Tensor, ratio: Tensor, states: Tensor, small: bool) -> Tensor:
        """Error of the clean estimate, weighted as if it were of the velocity of flow matching."""
        noisy = mixed(clean, static, ratio)
        sketch, picture = (self._small(noisy, ratio, states), None) if small else self._full(noisy, ratio, states)
        estimates = [sketch.colours] if picture is None else [sketch.colours, picture]
        return torch.stack([velocity_error(estimate, clean[:, :3], ratio) for estimate in estimates]).sum()

    def _average_gradients(self) -> None:
        if self._world == 1:
            return
        gradients = [each.grad for each in self.denoiser.parameters() if each.grad is not None]
        flat = torch.cat([each.flatten() for each in gradients])
        dist.all_reduce(flat)
        flat /= self._world
        for gradient, mean in zip(gradients, flat.split([each.numel() for each in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def _log(self, done: Progress) -> None:
        with (self._run / LOSSES).open("a") as log:
            log.write(json.dumps([done.step, done.pictures, round(done.seconds, 2), round(done.loss, 5)]) + "\n")


def check(recipe: Recipe, run: Path) -> None:
    """Read what a run would begin with, so that it fails here and not in each of its processes.

    Raises:
        BrokenRun: the run was interrupted and cannot be resumed.
        BrokenWeights: `recipe.begin_with` cannot be used.
    """
    beginning(recipe)
    if (run / CHECKPOINT).exists():
        checkpoint(run, torch.device("cpu"))
