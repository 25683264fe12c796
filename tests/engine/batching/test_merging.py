"""What may share a forward pass, with modules that have the traps of real families and no weights to speak of."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest
import torch
from torch import nn

from engine.batching.batch_runner import BUCKET, BatchRunner
from engine.batching.lanes import Lane, ParkedCall, RunOptions, Stage
from engine.batching.merge_proof import Digests
from engine.batching.merging import merge, split
from engine.batching.row_layout import Role, lay_out


class Counting(nn.Module):
    """A module that counts its forward passes and the rows in each."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[int] = []

    def seen(self, rows: int) -> None:
        self.passes.append(rows)


class Plain(Counting):
    """What a denoiser should be: every row for itself."""

    def forward(self, sample: torch.Tensor, t: torch.Tensor, text: torch.Tensor | None = None) -> tuple[torch.Tensor]:
        self.seen(len(sample))
        t = t.float().reshape(-1, *[1] * (sample.ndim - 1)).expand_as(sample)
        return (sample * 2 + t + (0 if text is None else text.mean((1, 2)).reshape(t.shape[0], *[1] * (t.ndim - 1))),)


class FirstIds(Counting):
    """Flux: three-dimensional position ids are taken from the first row for everybody."""

    def forward(self, sample: torch.Tensor, img_ids: torch.Tensor) -> tuple[torch.Tensor]:
        self.seen(len(sample))
        ids = img_ids[0] if img_ids.ndim == 3 else img_ids
        return (sample + ids.sum(-1),)


class Coupled(Counting):
    """Guidance inside of attention: the batch's halves are mixed."""

    def forward(self, sample: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor]:
        self.seen(len(sample))
        return (sample + sample.mean(0, keepdim=True),)


class Lists(Counting):
    """Z-Image: a list with one tensor of any size for each row."""

    def forward(self, x: list[torch.Tensor], t: torch.Tensor, leak: bool = False) -> tuple[list[torch.Tensor]]:
        self.seen(len(x))
        longest = max(item.shape[-1] for item in x) if leak else 0
        return ([item * 2 + when + longest for item, when in zip(x, t, strict=True)],)


class Padded(Counting):
    """A family without a mask: what is padded shifts everything."""

    def forward(self, sample: torch.Tensor, text: torch.Tensor) -> tuple[torch.Tensor]:
        self.seen(len(sample))
        return (sample + text.mean((1, 2))[:, None],)


def call(module: nn.Module, *args: Any, lane: Lane | None = None, **kwargs: Any) -> ParkedCall:
    return ParkedCall(lane or Lane("lane", lambda lane: None), module, "__call__", args, kwargs, Stage.DENOISE)


def run_all(batch_runner: BatchRunner, calls: list[ParkedCall], budget: int = 64) -> list[Any]:
    """Answer every call, as many in one batch as may be."""
    answers: dict[int, Any] = {}
    waiting = list(calls)
    while waiting:
        batch = batch_runner.choose(waiting[0], waiting[1:], lambda layout, waiting: budget)
        for each, output in zip(batch.calls, batch_runner.run(batch), strict=True):
            answers[id(each)] = output
        waiting = [each for each in waiting if id(each) not in answers]
    return [answers[id(each)] for each in calls]


def alone(each: ParkedCall) -> Any:
    return each.module(*each.args, **each.kwargs)


def assert_as_alone(batch_runner: BatchRunner, calls: list[ParkedCall]) -> None:
    for ours, theirs in zip(run_all(batch_runner, calls), [alone(each) for each in calls], strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else all(map(torch.equal, a, b))


def fresh(module: Counting) -> int:
    """Passes since last asked."""
    passes = len(module.passes)
    module.passes.clear()
    return passes


def plain(module: nn.Module, seed: int, rows: int = 2) -> ParkedCall:
    noise = torch.Generator().manual_seed(seed)
    sample, text = torch.randn(rows, 4, generator=noise), torch.randn(rows, 7, 3, generator=noise)
    return call(module, sample, torch.tensor(seed * 10), text=text)


def test_a_merge_is_proved_once_and_then_trusted() -> None:
    module, batch_runner = Plain(), BatchRunner()
    assert_as_alone(batch_runner, [plain(module, 1), plain(module, 2)])
    module.passes.clear()
    run_all(batch_runner, [plain(module, 3), plain(module, 4), plain(module, 5, rows=4)])
    assert module.passes == [8]


def test_scalar_timesteps_of_every_dtype_share_a_pass() -> None:
    module, batch_runner = Plain(), BatchRunner()
    sample = torch.randn(2, 4)
    kinds = [torch.tensor(999), torch.tensor(3.5), torch.tensor([7]), torch.tensor([1.0, 2.0])]
    calls = [call(module, sample, t) for t in kinds]
    assert_as_alone(batch_runner, calls)
    module.passes.clear()
    run_all(batch_runner, calls)
    assert module.passes == [8]


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("batched", [True, False], ids=["3-d ids", "2-d ids"])
def test_position_ids_of_another_aspect_ratio_never_mix(batched: bool, deterministic: bool) -> None:
    module, batch_runner = FirstIds(), BatchRunner(deterministic)
    portrait, landscape = torch.arange(12.0).reshape(6, 2), torch.arange(12.0).flip(0).reshape(6, 2)

    def asked(ids: torch.Tensor, seed: int) -> ParkedCall:
        sample = torch.randn(1, 6, generator=torch.Generator().manual_seed(seed))
        return call(module, sample, img_ids=ids[None] if batched else ids)

    # First proved with equal ids: that must not count as a proof for unequal ones of the same shape.
    assert_as_alone(batch_runner, [asked(portrait, 1), asked(portrait, 2)])
    mixed = [asked(portrait, 3), asked(landscape, 4), asked(portrait, 5)]
    assert_as_alone(batch_runner, mixed)
    module.passes.clear()
    run_all(batch_runner, mixed)
    assert sorted(module.passes) == ([BUCKET, BUCKET] if deterministic else [1, 2])


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_module_that_mixes_rows_always_runs_alone(deterministic: bool) -> None:
    module, batch_runner = Coupled(), BatchRunner(deterministic)
    calls = [call(module, torch.randn(2, 3), torch.tensor(t)) for t in (1, 2, 3)]
    assert_as_alone(batch_runner, calls)
    module.passes.clear()
    assert_as_alone(batch_runner, calls)
    assert fresh(module) == 6  # three by the engine, three by the comparison: none merged, nothing proved again


def test_identical_calls_prove_nothing_about_different_ones() -> None:
    module, batch_runner = FirstIds(), BatchRunner()
    sample, ids = torch.randn(1, 6), torch.randn(1, 6, 2)
    assert_as_alone(
        batch_runner, [call(module, sample, img_ids=ids), call(module, sample.clone(), img_ids=ids.clone())]
    )
    assert_as_alone(batch_runner, [call(module, sample, img_ids=ids), call(module, sample, img_ids=ids + 1)])


@pytest.mark.parametrize("leak", [False, True])
def test_lists_of_any_size_merge_if_sizes_do_not_leak(leak: bool) -> None:
    module, batch_runner = Lists(), BatchRunner()

    def asked(*widths: int) -> ParkedCall:
        return call(module, [torch.randn(2, 1, 3, width) for width in widths], torch.rand(len(widths)), leak=leak)

    assert_as_alone(batch_runner, [asked(4), asked(4)])
    mixed = [asked(4), asked(5), asked(6, 4)] if not leak else [asked(4), asked(5)]
    assert_as_alone(batch_runner, mixed)
    module.passes.clear()
    run_all(batch_runner, mixed)
    assert module.passes == ([1, 1] if leak else [4])


def test_texts_of_other_lengths_stay_apart() -> None:
    module, batch_runner = Padded(), BatchRunner()
    calls = [call(module, torch.randn(1, 4), text=torch.randn(1, length, 3)) for length in (5, 7, 5)]
    assert_as_alone(batch_runner, calls)
    assert_as_alone(batch_runner, calls)


def different(first: Callable[[nn.Module], ParkedCall], second: Callable[[nn.Module], ParkedCall]) -> bool:
    module, digest = Plain(), Digests().whole
    keys = [layout.key if (layout := lay_out(make(module), digest)) else object() for make in (first, second)]
    return keys[0] != keys[1]


SAMPLE = torch.zeros(2, 4)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(lambda m: call(m, SAMPLE), lambda m: call(m, SAMPLE.double()), id="dtype"),
        pytest.param(lambda m: call(m, SAMPLE), lambda m: call(m, torch.zeros(2, 5)), id="size"),
        pytest.param(lambda m: call(m, SAMPLE), lambda m: call(m, SAMPLE, text=None), id="argument left out"),
        pytest.param(lambda m: call(m, SAMPLE, k={"a": 1}), lambda m: call(m, SAMPLE, k={"b": 1}), id="nested name"),
        pytest.param(lambda m: call(m, SAMPLE, s=1), lambda m: call(m, SAMPLE, s=2), id="plain value"),
        pytest.param(lambda m: call(m, SAMPLE, s=1), lambda m: call(m, SAMPLE, s=True), id="kind of value"),
        pytest.param(
            lambda m: call(m, SAMPLE, ids=torch.arange(3)), lambda m: call(m, SAMPLE, ids=torch.arange(3) + 1), id="ids"
        ),
        pytest.param(
            lambda m: call(m, SAMPLE, img_shapes=[[(1, 4, 6)]] * 2),
            lambda m: call(m, SAMPLE, img_shapes=[[(1, 6, 4)]] * 2),
            id="shapes in a list",
        ),
        pytest.param(
            lambda m: call(m, SAMPLE),
            lambda m: call(m, SAMPLE, lane=Lane("x", print, RunOptions(upcast=True))),
            id="float32 retry",
        ),
    ],
)
def test_these_never_have_equal_keys(
    first: Callable[[nn.Module], ParkedCall], second: Callable[[nn.Module], ParkedCall]
) -> None:
    assert different(first, second)
    assert not different(first, first)


@pytest.mark.parametrize(
    "unknown",
    [torch.Generator(), object(), [[1, 2], [3, 4]], torch.zeros(2, 2).to_sparse()],
    ids=["generator", "object", "unequal list", "sparse"],
)
def test_what_is_not_understood_has_no_key(unknown: object) -> None:
    assert lay_out(call(Plain(), SAMPLE, unknown=unknown), Digests().whole) is None


def test_roles() -> None:
    layout = lay_out(
        call(Plain(), SAMPLE, torch.tensor(3), ids=torch.zeros(9, 3), shapes=[(1, 2)] * 2, feats=[SAMPLE] * 2, x="y"),
        Digests().whole,
    )
    assert layout
    assert layout.roles == (Role.ROWS, Role.NUMBER, Role.SAME, Role.REPEAT, Role.LIST, Role.VALUE)


@pytest.mark.parametrize("leaf", [torch.zeros(2, 0), torch.zeros(2, dtype=torch.complex64), torch.zeros(0, 3)])
def test_odd_tensors_do_no_harm(leaf: torch.Tensor) -> None:
    class Ignoring(Plain):
        def forward(self, sample: torch.Tensor, t: torch.Tensor, odd: torch.Tensor) -> tuple[torch.Tensor]:
            return super().forward(sample, t)

    module = Ignoring()
    assert_as_alone(BatchRunner(), [call(module, torch.randn(2, 4), torch.tensor(t), odd=leaf) for t in (1, 2, 3)])


def test_padding_repeats_the_last_row_and_is_dropped_again() -> None:
    layout = lay_out(plain(Plain(), 1, rows=3), Digests().whole)
    assert layout
    merged = merge([layout], pad_to=5)
    assert merged.args[0].shape[0] == 5
    assert torch.equal(merged.args[0][3], merged.args[0][2])
    (output,) = split(alone(merged), [3], 5)
    assert torch.equal(output[0], alone(layout.call)[0])


class Shifting(Counting):
    """A module whose rounding depends on the size of the batch, as real kernels' does."""

    def forward(self, sample: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor]:
        self.seen(len(sample))
        return (sample * (1 + len(sample) * 1e-6) + t.reshape(-1, 1),)


def test_deterministic_passes_all_have_the_same_number_of_rows() -> None:
    def asked(module: nn.Module, seed: int, rows: int) -> ParkedCall:
        return call(module, torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed)), torch.tensor(seed))

    def answers(*wanted: tuple[int, int]) -> tuple[list[Any], Shifting]:
        module, batch_runner = Shifting(), BatchRunner(deterministic=True)
        run_all(batch_runner, [asked(module, 100 + seed, rows) for seed, rows in wanted], BUCKET)
        module.passes.clear()
        return run_all(batch_runner, [asked(module, *each) for each in wanted], BUCKET), module

    ((lonely,), _), ((*_, busy), module) = answers((1, 2)), answers((2, 1), (3, 8), (1, 2))
    assert torch.equal(lonely[0], busy[0])
    assert set(module.passes) == {BUCKET}


class Dressed(Counting):
    """A module whose rows wear LoRAs; or all that of the first row."""

    def __init__(self, mixes: bool) -> None:
        super().__init__()
        self.mixes, self.worn = mixes, list[float]()

    def forward(self, sample: torch.Tensor) -> tuple[torch.Tensor]:
        self.seen(len(sample))
        worn = self.worn if self.mixes and len(self.worn) > 1 else self.worn[:1] * len(sample)
        return (sample + torch.tensor(worn)[:, None],)


@contextlib.contextmanager
def dress(module: Dressed, rows: Sequence[tuple[tuple[str, float], ...]]) -> Generator[None]:
    module.worn = [sum(weight for _, weight in row) for row in rows]
    yield


@pytest.mark.parametrize("mixes", [True, False])
def test_rows_with_different_loras_share_a_pass_once_proved(mixes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.batching.forward.wearing", dress)  # PEFT's own dressing has tests of its own
    module, batch_runner = Dressed(mixes), BatchRunner()

    def asked(weight: float) -> ParkedCall:
        loras = (("style", weight),) if weight else ()
        return call(module, torch.randn(2, 3), lane=Lane("x", print, RunOptions(loras=loras)))

    calls = [asked(weight) for weight in (0.0, 1.0, 1.0, 0.5, 2.0, 3.0)]
    for _ in range(3):
        module.passes.clear()
        for each, (output,) in zip(calls, run_all(batch_runner, calls), strict=True):
            worn = sum(weight for _, weight in each.lane.options.loras)
            assert torch.allclose(output, each.args[0] + worn)
    if mixes:
        assert sorted(module.passes) == [2, 10], "at most four LoRA sets share a pass"
    else:
        assert max(module.passes) == 4, "only equal LoRAs share a pass"
