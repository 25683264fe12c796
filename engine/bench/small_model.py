"""A small random Z-Image, drawn in line and together: what benches of streaming compare."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import diffusers
import torch

from engine.bench.desk import Desk, requests
from engine.bench.full_size import load_full_size
from engine.bench.paced_link import PacedLink
from engine.bench.whole_calls import context_of
from engine.loading.load import quiet
from engine.loading.loaded_model import LoadedModel
from engine.loading.streamed_weights import stream_through
from engine.memory.tensor_kinds import blocks_of
from engine.model_spec import ModelSpec
from engine.operations import operate
from engine.processes.protocol import LaneProgress
from engine.requests import ImageRequest

CPU = torch.device("cpu")
_SMALL = {"dim": 96, "n_layers": 8, "n_heads": 2, "n_kv_heads": 2, "cap_feat_dim": 64, "axes_dims": [16, 16, 16]}
"""A Z-Image of 12 blocks."""
_SIDE, _STEPS = 64, 8


@dataclass(frozen=True, slots=True)
class Run:
    """What members met who all ask at once."""

    seconds: float
    first_previews_s: tuple[float, ...]


def small_models(count: int) -> list[LoadedModel]:
    """Models of random weights, all in main memory."""
    library: Any = diffusers
    with torch.inference_mode(False):
        torch.manual_seed(0)
        made = [library.ZImageTransformer2DModel(**_SMALL) for _ in range(count)]
    return [_model(each.requires_grad_(False).eval()) for each in made]


def _model(transformer: Any) -> LoadedModel:
    with torch.inference_mode(False):
        small = load_full_size("z-image", CPU, miniature=True)
        small.base.register_modules(transformer=transformer, vae=_autoencoder())
    size = {"width": _SIDE, "height": _SIDE, "num_inference_steps": _STEPS, "guidance_scale": 0.0}
    spec: ModelSpec = dataclasses.replace(small.spec, **size)
    return LoadedModel(spec, small.base, CPU, torch.float32, "random", small.previewer)


def _autoencoder() -> Any:
    """Fast beside the transformer, as a real one is."""
    library: Any = diffusers
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    return library.AutoencoderKL(
        **blocks, block_out_channels=(4, 8, 8, 8), latent_channels=16, norm_num_groups=2, shift_factor=0.1
    )


@contextmanager
def on_one_thread() -> Generator[None]:
    """Compute without gradients and progress bars: the processor's other threads are left to the link."""
    quiet()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield


def stream(model: LoadedModel, transfer_s: float, kept: float = 0.0) -> tuple[PacedLink, float]:
    """Stream a model over a link that would bring all of its blocks in within that time, and keep a share of them.

    Returns the link, and the share of the blocks' bytes that it brings for each pass.
    """
    transformer = model.base.transformer
    every = blocks_of([name for name, _ in transformer.named_parameters()], "denoiser")
    whole = sum(weight.nbytes for name, weight in transformer.named_parameters() if every[name])
    streamed = stream_through(transformer, CPU, int(kept * whole))
    streamed.link = link = PacedLink(whole / transfer_s)
    return link, sum(block.host.nbytes for block in streamed.blocks) / whole


def request_for(model: LoadedModel) -> ImageRequest:
    """One picture of the model's own size."""
    return ImageRequest(
        prompt="a lighthouse in a storm, oil painting",
        model=model.spec.name,
        width=_SIDE,
        height=_SIDE,
        num_inference_steps=_STEPS,
        guidance_scale=model.spec.guidance_scale,
        num_images=1,
    )


def row_seconds(model: LoadedModel, like: ImageRequest) -> float:
    """Seconds of one row in one pass of a resident model, as they usually are while the machine is as busy as now."""
    seconds: list[float] = []

    def begin(*_: Any) -> None:
        seconds.append(-time.perf_counter())

    def end(*_: Any) -> None:
        seconds[-1] += time.perf_counter()

    model.base.transformer.register_forward_pre_hook(begin)
    model.base.transformer.register_forward_hook(end)
    for _ in range(3):
        in_line(model, requests(like, 1))
    return statistics.median(seconds)


def in_line(model: LoadedModel, asked: Sequence[ImageRequest]) -> Run:
    """Whole calls, first come, first served."""
    began_s, previews_s = time.perf_counter(), list[float]()
    for request in asked:
        seen_s: list[float] = []

        def show(*_: Any, seen_s: list[float] = seen_s) -> None:
            seen_s.append(time.perf_counter() - began_s)

        operate(context_of(model, request, lambda _: True, show))
        previews_s.append(seen_s[0])
    return Run(time.perf_counter() - began_s, tuple(previews_s))


def together(desk: Desk, asked: Sequence[ImageRequest]) -> Run:
    """The engine, up to the finished files."""
    began_s, previews_s, told = time.perf_counter(), dict[str, float](), len(desk.said)
    for request in asked:
        desk.open(request)
    while desk.tick_loop.lanes:
        desk.tick_loop.tick()
        for word in desk.said[told:]:
            if isinstance(word, LaneProgress) and word.preview:
                previews_s.setdefault(word.request_id, time.perf_counter() - began_s)
        told = len(desk.said)
    desk.wait()
    ended_s = time.perf_counter() - began_s
    return Run(ended_s, tuple(previews_s.get(request.id, ended_s) for request in asked))
