"""Training the control adapter: a picture's edges in, its outline kept. The denoiser itself stays as it is."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from diffusers.models.adapter import AdapterResnetBlock, FullAdapter, T2IAdapter
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from transformers import AutoTokenizer

from engine.model_files import atomic_file
from engine.pocket.canvas import Canvas
from engine.pocket.checkpoint import naming
from engine.pocket.codec import PixelCodec
from engine.pocket.data import Collection
from engine.pocket.denoiser import PocketDenoiser
from engine.pocket.errors import BrokenRun
from engine.pocket.hints import Hints
from engine.pocket.objective import noised, signal_to_noise, velocity_error
from engine.pocket.pose import Pose
from engine.pocket.scenes import SceneWriter
from engine.pocket.text_encoder import PocketTextEncoder

CHECKPOINT = "edges.pt"
CHANNELS = (64, 32, 128)
RESIDUAL_BLOCKS = 4
_SAVE_EVERY = 60.0


@dataclass(frozen=True)
class EdgeRecipe:
    """Everything a run is made of.

    Args:
        minutes: Processor time of the whole run; the learning rate follows it and ends at zero.
        batch: Pictures per step.
        rate: Peak learning rate of AdamW.
        small_until: Share of the run that looks at the sketch alone, which decides what is where.
        noise_mean: Mean of the logit-normal signal share; noisier than the denoiser's own training.
        composed: Share of pictures with several drawings.
    """

    minutes: float = 60.0
    batch: int = 24
    rate: float = 1e-3
    small_until: float = 0.4
    noise_mean: float = -1.6
    noise_spread: float = 1.1
    composed: float = 0.1
    ema_decay: float = 0.997
    seed: int = 11


def adapter() -> T2IAdapter:
    """An adapter that says nothing yet: a stock class with its residual branches at zero."""
    made = T2IAdapter(1, list(CHANNELS), RESIDUAL_BLOCKS, downscale_factor=2, adapter_type="full_adapter")
    inner = made.adapter
    quiet = [inner.conv_in] if isinstance(inner, FullAdapter) else []
    quiet += [block.block2 for block in made.modules() if isinstance(block, AdapterResnetBlock)]
    for layer in quiet:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
    return made


def drawn_edges(pictures: Tensor, random: np.random.Generator) -> Tensor:
    """Edges (B, 1, H, W) in [0, 1] of pictures (B, 3, H, W) in [-1, 1], with thresholds and lines that vary.

    Mostly what the product's own map looks like; one in six is of a blurred picture, one in six has thick lines.
    """
    bytes_ = ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    maps: list[Tensor] = []
    for picture in bytes_:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        chance = random.random()
        low = random.uniform(50, 130)
        if chance < 1 / 6:
            grey = cv2.GaussianBlur(grey, (0, 0), random.uniform(0.8, 1.6))
        edges = cv2.Canny(grey, low, low * random.uniform(1.6, 2.4))
        if chance > 5 / 6:
            edges = cv2.dilate(edges, np.ones((2, 2), np.uint8))
        maps.append(torch.from_numpy(edges))
    return torch.stack(maps)[:, None].float() / 255


class EdgeTrainer:
    """One single-threaded process; resumes from its run's checkpoint."""

    def __init__(self, recipe: EdgeRecipe, cache: Path, run: Path, weights: Path) -> None:
        self._recipe, self._run = recipe, run
        torch.manual_seed(recipe.seed)
        self.adapter = adapter()
        self._denoiser = PocketDenoiser.from_pretrained(weights / "unet", torch_dtype=torch.float32)
        self._denoiser.requires_grad_(False)
        for module in (self.adapter, self._denoiser):
            cast(Any, module).to(memory_format=torch.channels_last)
        self._optimizer = torch.optim.AdamW(self.adapter.parameters(), lr=recipe.rate, weight_decay=0.01)
        self.averaged = EMAModel(
            self.adapter.parameters(), decay=recipe.ema_decay, use_ema_warmup=True, power=0.8, foreach=True
        )
        self._tokenizer = AutoTokenizer.from_pretrained(weights / "tokenizer")
        self._text = PocketTextEncoder.from_pretrained(weights / "text_encoder", dtype=torch.bfloat16)
        self._codec = PixelCodec()
        collection = Collection.load(cache)
        self._canvas = Canvas(collection, torch.device("cpu"))
        self.step, self.seconds = 0, 0.0
        self._resume()
        # A fresh seed per resumption: no picture sequence is seen twice.
        seed = recipe.seed + self.step
        self._writer = SceneWriter(collection.sprites, self._canvas.colours(), seed)
        self._noise = torch.Generator().manual_seed(seed)
        self._random = np.random.default_rng(seed)
        self._forgetting = Random(seed)  # noqa: S311 - pictures, not secrets

    def run(self, advance: Callable[[float, float], None]) -> None:
        """Train until the minutes are over; `advance(seconds, loss)` after every step."""
        saved = self.seconds
        while self.seconds < self._recipe.minutes * 60:
            started = time.process_time()
            loss = self.one_step()
            self.seconds += time.process_time() - started
            self.step += 1
            advance(self.seconds, loss)
            if self.seconds - saved > _SAVE_EVERY:
                self.save()
                saved = self.seconds
        self.save()

    def one_step(self) -> float:
        """One update; returns the loss."""
        part = self.seconds / (self._recipe.minutes * 60)
        small = part < self._recipe.small_until
        clean, states, edges = self._batch()
        with torch.autocast("cpu", torch.bfloat16):
            loss = self._loss(clean, states, edges, small)
        loss.backward()
        nn.utils.clip_grad_norm_(self.adapter.parameters(), 1.0)
        for group in self._optimizer.param_groups:
            cooled = 0.5 * (1 + math.cos(math.pi * max(0.0, min(1.0, (part - 0.6) / 0.4))))
            group["lr"] = self._recipe.rate * min(1.0, (self.step + 1) / 100) * cooled
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.averaged.step(self.adapter.parameters())
        return float(loss.detach())

    def save(self) -> None:
        """Write the checkpoint as a whole."""
        content = io.BytesIO()
        state: dict[str, Any] = {
            "adapter": self.adapter.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        torch.save(state, content)
        atomic_file.replace(self._run / CHECKPOINT, content.getvalue())

    def _resume(self) -> None:
        self._run.mkdir(parents=True, exist_ok=True)
        file = self._run / CHECKPOINT
        if not file.exists():
            return
        with naming(file, BrokenRun):
            state: dict[str, Any] = torch.load(file, weights_only=True)
            self.adapter.load_state_dict(state["adapter"])
            self.averaged.load_state_dict(state["averaged"])
            self._optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = state["step"], state["seconds"]

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Clean latents (B, 4, H, W), token states (B, L + R, 384), edges (B, 1, H, W)."""
        scenes = [self._writer.scene(self._recipe.composed) for _ in range(self._recipe.batch)]
        captions = [scene.caption for scene in scenes]
        tokens = self._tokenizer(captions, padding="longest", truncation=True, return_tensors="pt")
        with torch.no_grad():
            states = self._text(tokens.input_ids, tokens.attention_mask).last_hidden_state.float()
        drawings = self._canvas.remembered(scenes, self._forgetting, states.shape[-1])
        pictures = self._canvas.paint(scenes, Pose.of(torch.randn((len(scenes), 1, 8, 8), generator=self._noise)))
        states = torch.cat((states, drawings), dim=1)
        return self._codec.latents(pictures), states, drawn_edges(pictures, self._random)

    def _loss(self, clean: Tensor, states: Tensor, edges: Tensor, small: bool) -> Tensor:
        """The denoiser's own error, given the hints."""
        hints = Hints.of(self.adapter(edges.to(memory_format=torch.channels_last)))
        recipe = self._recipe
        if small:
            clean = F.avg_pool2d(clean, 2)
            # Averaging four pixels halves the static: the same moment of the full picture.
            ratio = 2 * signal_to_noise(len(clean), recipe.noise_mean, recipe.noise_spread, self._noise)
            noisy = noised(clean, ratio, self._noise)
            return velocity_error(self._denoiser.sketch(noisy, ratio, states, hints)[0], clean[:, :3], ratio)
        ratio = signal_to_noise(len(clean), recipe.noise_mean, recipe.noise_spread, self._noise)
        noisy = noised(clean, ratio, self._noise)
        estimates = self._denoiser.estimates(noisy, ratio, states, hints=hints)
        return torch.stack([velocity_error(each, clean[:, :3], ratio) for each in estimates]).sum()


def averaged(run: Path) -> T2IAdapter:
    """The averaged weights of a run's checkpoint, in eval mode. Raises `BrokenRun`."""
    made = adapter()
    with naming(run / CHECKPOINT, BrokenRun):
        state: dict[str, Any] = torch.load(run / CHECKPOINT, weights_only=True)
        ema = EMAModel(made.parameters())
        ema.load_state_dict(state["averaged"])
        ema.copy_to(made.parameters())
    return made.eval()


def export(made: T2IAdapter, folder: Path) -> None:
    """Write the adapter in float16, as any `T2IAdapter` folder."""
    nn.Module.to(made, dtype=torch.float16)
    made.save_pretrained(folder)
