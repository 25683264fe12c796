"""What streaming costs, and what sharing its transfer saves: the engine, whole calls in line, and diffusers' own way.

The weights are really copied over a link of set speed (`engine.bench.paced_link`).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from rich.console import Console
from rich.table import Table

from engine.bench.desk import Desk, requests
from engine.bench.full_size import load_full_size
from engine.bench.group_offloading import group_offload
from engine.bench.paced_link import PacedLink
from engine.bench.traffic import Waits
from engine.bench.whole_calls import easel_of
from engine.loading.load import quiet
from engine.loading.loaded_model import LoadedModel
from engine.loading.streamed_weights import stream_through
from engine.model_spec import ModelSpec
from engine.operations import operate
from engine.processes.protocol import LaneProgress
from engine.requests import ImageRequest
from engine.settings import EngineSettings

_CPU = torch.device("cpu")
_SMALL = {"dim": 96, "n_layers": 8, "n_heads": 2, "n_kv_heads": 2, "cap_feat_dim": 64, "axes_dims": [16, 16, 16]}
"""A Z-Image of 12 blocks."""
_SIDE, _STEPS = 64, 8


@dataclass(frozen=True, slots=True)
class Row:
    """One speed of the link; seconds, pictures per second, and ratios to the way beside it."""

    members: int
    transfer: float
    """Seconds to bring all weights in once, in multiples of what one row computes."""
    in_line_images_per_s: float
    engine_images_per_s: float
    images_ratio: float
    """Engine over whole calls in line, with the same streaming; the aim is 4."""
    in_line_first_preview_p95_s: float
    engine_first_preview_p95_s: float
    first_preview_ratio: float
    """The aim is 0.3."""
    alone_diffusers_s: float
    alone_engine_s: float
    alone_ratio: float
    """One member: engine over diffusers' group offloading with prefetching; the aim is 1.05."""


@dataclass(frozen=True, slots=True)
class SharedTransferReport:
    """The table."""

    rows: tuple[Row, ...]

    def show(self, console: Console) -> None:
        """Print it, one column for each speed."""
        table = Table("", *(f"transfer {row.transfer:g} x a row" for row in self.rows))
        for field in dataclasses.fields(Row):
            table.add_row(field.name, *(f"{getattr(row, field.name):.3g}" for row in self.rows))
        console.print(table)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps([dataclasses.asdict(row) for row in self.rows], indent=1) + "\n", "utf-8")


@dataclass(frozen=True, slots=True)
class _Run:
    """What members met who all ask at once."""

    seconds: float
    first_previews_s: tuple[float, ...]


def measure(
    say: Callable[[str], None], transfers: Sequence[float] = (12.0, 3.0), members: int = 8, repeats: int = 5
) -> SharedTransferReport:
    """One row for each transfer, given in multiples of what one row computes."""
    quiet()
    torch.set_num_threads(1)
    with torch.inference_mode():
        return SharedTransferReport(tuple(_row(each, members, repeats, say) for each in transfers))


def _row(transfer: float, members: int, repeats: int, say: Callable[[str], None]) -> Row:
    settings = EngineSettings(safety=False, threads=1)
    resident, model, other = (_model(drawn) for drawn in _transformers(3))
    like = _like(model)
    say("one row, resident")
    row_s = _row_s(resident, like)
    streamed = stream_through(model.base.transformer, _CPU)
    size = sum(block.host.nbytes for block in streamed.blocks)
    streamed.link = PacedLink(size / (transfer * row_s))
    group_offload(other.base.transformer, PacedLink(streamed.link.bytes_per_s))
    desk = Desk(model, settings)
    for few in (members, 1):
        say(f"{few} together, to warm up")
        _together(desk, requests(like, few))
    say(f"{members} in line")
    in_line = _in_line(model, requests(like, members))
    say(f"{members} together")
    together = _together(desk, requests(like, members))
    _in_line(other, requests(like, 1))  # in its first pass diffusers learns the order of blocks
    say("one member, both ways")
    alone = [(_in_line(other, requests(like, 1)), _together(desk, requests(like, 1))) for _ in range(repeats)]
    theirs, ours = (statistics.median(run.seconds for run in way) for way in zip(*alone, strict=True))
    late = [Waits.of(run.first_previews_s).p95 for run in (in_line, together)]
    rates = [members / run.seconds for run in (in_line, together)]
    return Row(
        members=members,
        transfer=transfer,
        in_line_images_per_s=rates[0],
        engine_images_per_s=rates[1],
        images_ratio=rates[1] / rates[0],
        in_line_first_preview_p95_s=late[0],
        engine_first_preview_p95_s=late[1],
        first_preview_ratio=late[1] / late[0],
        alone_diffusers_s=theirs,
        alone_engine_s=ours,
        alone_ratio=ours / theirs,
    )


def _row_s(model: LoadedModel, like: ImageRequest) -> float:
    """Seconds of one row in one pass of a resident model, as they usually are while the machine is as busy as now."""
    seconds: list[float] = []

    def begin(*_: Any) -> None:
        seconds.append(-time.perf_counter())

    def end(*_: Any) -> None:
        seconds[-1] += time.perf_counter()

    model.base.transformer.register_forward_pre_hook(begin)
    model.base.transformer.register_forward_hook(end)
    for _ in range(3):
        _in_line(model, requests(like, 1))
    return statistics.median(seconds)


def _transformers(count: int) -> list[Any]:
    library: Any = diffusers
    with torch.inference_mode(False):
        torch.manual_seed(0)
        made = [library.ZImageTransformer2DModel(**_SMALL) for _ in range(count)]
    return [each.requires_grad_(False).eval() for each in made]


def _model(transformer: Any) -> LoadedModel:
    with torch.inference_mode(False):
        small = load_full_size("z-image", _CPU, miniature=True)
        small.base.register_modules(transformer=transformer, vae=_autoencoder())
    size = {"width": _SIDE, "height": _SIDE, "num_inference_steps": _STEPS, "guidance_scale": 0.0}
    spec: ModelSpec = dataclasses.replace(small.spec, **size)
    return LoadedModel(spec, small.base, _CPU, torch.float32, "random", small.previewer)


def _autoencoder() -> Any:
    """Fast beside the transformer, as a real one is."""
    library: Any = diffusers
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    return library.AutoencoderKL(
        **blocks, block_out_channels=(4, 8, 8, 8), latent_channels=16, norm_num_groups=2, shift_factor=0.1
    )


def _like(model: LoadedModel) -> ImageRequest:
    return ImageRequest(
        prompt="a lighthouse in a storm, oil painting",
        model=model.spec.name,
        width=_SIDE,
        height=_SIDE,
        num_inference_steps=_STEPS,
        guidance_scale=model.spec.guidance_scale,
        num_images=1,
    )


def _in_line(model: LoadedModel, asked: Sequence[ImageRequest]) -> _Run:
    """Whole calls, first come, first served."""
    began_s, previews_s = time.perf_counter(), list[float]()
    for request in asked:
        seen_s: list[float] = []

        def show(*_: Any, seen_s: list[float] = seen_s) -> None:
            seen_s.append(time.perf_counter() - began_s)

        operate(easel_of(model, request, lambda _: True, show))
        previews_s.append(seen_s[0])
    return _Run(time.perf_counter() - began_s, tuple(previews_s))


def _together(desk: Desk, asked: Sequence[ImageRequest]) -> _Run:
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
    return _Run(ended_s, tuple(previews_s.get(request.id, ended_s) for request in asked))
