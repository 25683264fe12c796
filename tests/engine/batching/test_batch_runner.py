"""Trouble in a forward pass: memory that runs out, modules that fail, numbers that break."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import nn

from engine.batching.batch_runner import Batch, BatchRunner
from engine.batching.batch_size import BatchSize, knee
from engine.batching.forward import forward, synchronize
from engine.batching.lanes import Lane, ParkedCall, RunOptions, Stage
from engine.batching.weight_tensors import STREAMED
from engine.errors import OutOfMemory


class Small(nn.Module):
    """A device with memory for so many rows."""

    def __init__(self, fits: int) -> None:
        super().__init__()
        self.fits, self.passes = fits, list[int]()

    def forward(self, sample: torch.Tensor) -> tuple[torch.Tensor]:
        if len(sample) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate too much")
        self.passes.append(len(sample))
        return (sample * 2,)


def call(module: nn.Module, rows: int, **kwargs: Any) -> ParkedCall:
    return ParkedCall(Lane("lane", print), module, "__call__", (torch.randn(rows, 3),), kwargs, Stage.DENOISE)


def run(batch_runner: BatchRunner, *calls: ParkedCall) -> list[Any]:
    return batch_runner.run(batch_runner.choose(calls[0], calls[1:], lambda layout, waiting: 64))


def trusted(module: Small) -> BatchRunner:
    """Forwards that have proved that the module's calls may be merged."""
    batch_runner, fits = BatchRunner(), module.fits
    module.fits = 1000
    run(batch_runner, call(module, 1), call(module, 1))
    module.fits = fits
    module.passes.clear()
    return batch_runner


def test_the_same_calls_run_again_in_smaller_groups() -> None:
    module = Small(fits=3)
    batch_runner = trusted(module)
    calls = [call(module, 4), call(module, 2)]
    outputs = run(batch_runner, *calls)
    for each, (output,) in zip(calls, outputs, strict=True):
        assert torch.equal(output, each.args[0] * 2)
    assert max(module.passes) <= 3
    module.passes.clear()
    run(batch_runner, call(module, 4))
    assert max(module.passes) <= 3, "what did not fit is not tried again"


def test_a_call_that_was_never_merged_is_proved_before_it_is_cut() -> None:
    class Coupled(Small):
        def forward(self, sample: torch.Tensor) -> tuple[torch.Tensor]:
            return (super().forward(sample)[0] + sample.mean(),)

    honest, coupled = Small(fits=2), Coupled(fits=2)
    one = call(honest, 4)
    assert torch.equal(run(BatchRunner(), one)[0][0], one.args[0] * 2)
    (refused,) = run(BatchRunner(), call(coupled, 4))
    assert isinstance(refused, OutOfMemory), "rows that depend on one another are never cut"


def test_a_call_that_meets_no_other_is_cut_only_after_trouble() -> None:
    module, batch_runner = Small(fits=2), BatchRunner()
    one, other = call(module, 4), call(module, 4)
    run(batch_runner, one, call(nn.Linear(3, 3), 4))
    assert one.laid_out is not None, "it did not fit"
    module.passes.clear()
    assert torch.equal(run(batch_runner, other)[0][0], other.args[0] * 2)
    assert max(module.passes) == 2, "it is known what fits"
    easy = call(Small(fits=4), 4)
    run(batch_runner, easy)
    assert easy.laid_out is None


def test_memory_is_freed_before_the_second_try() -> None:
    freed = list[int]()
    module = Small(fits=1)
    batch_runner = trusted(module)
    batch_runner.free_memory = lambda: freed.append(1)
    run(batch_runner, call(module, 2))
    assert freed


def test_when_one_row_does_not_fit_the_advice_says_what_to_ask() -> None:
    (error,) = run(BatchRunner(), call(Small(fits=0), 1))
    assert isinstance(error, OutOfMemory)
    assert "smaller" in error.advice


def test_the_autoencoder_is_tiled_before_giving_up() -> None:
    class Autoencoder(Small):
        dtype = torch.float32
        use_tiling = False

        def enable_tiling(self) -> None:
            self.use_tiling, self.fits = True, 1

        def disable_tiling(self) -> None:
            self.use_tiling, self.fits = False, 0

        def decode(self, latents: torch.Tensor) -> tuple[torch.Tensor]:
            return self(latents)

    module = Autoencoder(fits=0)
    latents = torch.randn(1, 3)
    (output,) = BatchRunner().run(
        Batch((ParkedCall(Lane("x", print), module, "decode", (latents,), {}, Stage.DECODE),))
    )
    assert torch.equal(output[0], latents * 2)
    assert not module.use_tiling, "other pictures are decoded whole"


def test_what_one_size_needs_does_not_slow_another_down() -> None:
    class Wide(Small):
        def forward(self, sample: torch.Tensor) -> tuple[torch.Tensor]:
            if sample.numel() > 18:
                raise torch.OutOfMemoryError("out of memory")
            return super().forward(sample)

    module = Wide(fits=1000)
    batch_runner, wide = trusted(module), call(module, 2)
    batch_runner.run(batch_runner.choose(wide, [], lambda layout, waiting: 64))
    large = ParkedCall(Lane("large", print), module, "__call__", (torch.randn(4, 9),), {}, Stage.DENOISE)
    assert torch.equal(run(batch_runner, large)[0][0], large.args[0] * 2)
    module.passes.clear()
    run(batch_runner, call(module, 4))
    assert module.passes == [4]


def test_an_error_belongs_to_the_call_that_caused_it() -> None:
    class Picky(Small):
        def forward(self, sample: torch.Tensor) -> tuple[torch.Tensor]:
            if bool((sample > 100).any()):
                raise ValueError("out of range")
            return super().forward(sample)

    module = Picky(fits=100)
    batch_runner = trusted(module)
    good, bad = call(module, 1), call(module, 1)
    bad.args[0].fill_(101)
    outputs = run(batch_runner, good, bad)
    assert torch.equal(outputs[0][0], good.args[0] * 2)
    assert isinstance(outputs[1], ValueError)


@pytest.mark.parametrize("kind", ["merged only"])
def test_what_fails_only_when_merged_is_never_merged_again(kind: str) -> None:
    module = Small(fits=100)
    batch_runner = trusted(module)

    def fail(sample: torch.Tensor) -> tuple[torch.Tensor]:
        if len(sample) > 1:
            raise ValueError(kind)
        module.passes.append(1)
        return (sample * 2,)

    module.forward = fail
    assert not any(isinstance(output, Exception) for output in run(batch_runner, call(module, 1), call(module, 1)))
    assert batch_runner.choose(call(module, 1), [call(module, 1)], lambda layout, waiting: 8).rows == [1]


def test_the_second_try_is_float32_and_leaves_the_weights_alone() -> None:
    class Overflowing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([60000.0], dtype=torch.float16))

        def forward(self, sample: torch.Tensor) -> tuple[torch.Tensor]:
            return (sample * self.weight * 2,)

    module = Overflowing()
    sample = torch.ones(1, 1, dtype=torch.float16)
    lanes = [Lane("first", print), Lane("second", print, RunOptions(upcast=True))]
    with torch.inference_mode():
        first, second = (forward(ParkedCall(lane, module, "__call__", (sample,), {}))[0] for lane in lanes)
    assert first.isinf().all()
    assert second.item() == 120000.0
    assert module.weight.dtype == torch.float16
    assert module.weight.item() == 60000.0


def test_the_knee_is_the_fewest_rows_as_cheap_as_the_best() -> None:
    assert knee({1: 1.0, 2: 0.6, 4: 0.52, 8: 0.5, 16: 0.6}) == 4
    assert knee({1: 1.0, 2: 1.01}) == 1
    assert knee({1: 1.0, 2: 1.2}) == 1


def test_the_sweep_stops_where_it_gets_worse_and_is_not_repeated() -> None:
    seconds = {1: 1.0, 2: 1.1, 4: 1.9, 8: 4.4}
    now = [0.0]
    module = Small(fits=100)

    def timed(each: ParkedCall) -> None:
        now[0] += seconds[len(each.args[0])] / 100
        module(each.args[0])

    budget = BatchSize(torch.device("cpu"), timed, clock=lambda: now[0])
    batch_runner = BatchRunner()
    layout = batch_runner.lay_out(call(module, 2))
    assert layout
    assert budget.rows(layout, 100) == 4
    module.passes.clear()
    assert budget.rows(layout, 100) == 4
    assert module.passes == []
    assert budget.rows(layout, 8) == 2  # not the cheapest, but over sooner, and nobody is kept waiting for it


def test_a_slow_first_pass_does_not_end_the_sweep() -> None:
    """Accelerators load and choose their kernels in it."""
    now = [0.0]
    module = Small(fits=100)

    def timed(each: ParkedCall) -> None:
        now[0] += 0.02 if module.passes else 5.0
        module(each.args[0])

    layout = BatchRunner().lay_out(call(module, 1))
    assert layout
    assert BatchSize(torch.device("cpu"), timed, clock=lambda: now[0]).rows(layout, 100) == 32


@pytest.mark.parametrize(("streamed", "rows"), [(True, 16), (False, 1)])
def test_rows_that_share_a_long_transfer_are_worth_a_sweep(streamed: bool, rows: int) -> None:
    """Two seconds to bring the weights in, and a fifth of a second for each row."""
    now, module = [0.0], Small(fits=100)
    if streamed:
        vars(module)[STREAMED] = object()

    def timed(each: ParkedCall) -> None:
        now[0] += max(2.0, 0.2 * len(each.args[0]))

    layout = BatchRunner().lay_out(call(module, 1))
    assert layout
    assert BatchSize(torch.device("cpu"), timed, clock=lambda: now[0]).rows(layout, 8) == rows
    assert now[0] < 20


def test_a_call_that_cannot_be_multiplied_is_its_own_budget() -> None:
    class Exact(Small):
        def forward(self, sample: torch.Tensor) -> tuple[torch.Tensor]:
            if len(sample) != 3:
                raise ValueError("three rows, please")
            return super().forward(sample)

    batch_runner, module = BatchRunner(), Exact(fits=100)
    layout = batch_runner.lay_out(call(module, 3))
    assert layout
    assert BatchSize(torch.device("cpu")).rows(layout, 100) == 3
    assert torch.equal(run(batch_runner, layout.call)[0][0], layout.call.args[0] * 2)


def test_the_sweep_takes_no_more_rows_than_memory_holds() -> None:
    module = Small(fits=3)
    layout = BatchRunner().lay_out(call(module, 1))
    assert layout
    ticks = itertools.count()  # every pass takes as long, however many rows it has
    budget = BatchSize(torch.device("cpu"), forward, clock=lambda: next(ticks) / 100)
    assert budget.rows(layout, 100) == 2


@pytest.mark.parametrize(("device", "waits"), [("cpu", False), ("cuda", True), ("mps", True)])
def test_time_is_taken_when_the_device_has_done_its_work(
    device: str, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = list[torch.device]()
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    synchronize(torch.device(device))
    assert bool(waited) is waits


def test_a_sweep_measures_the_work_and_not_the_handing_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now, module = [0.0], Small(fits=100)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda _: now.__setitem__(0, now[0] + module.passes[-1] / 10))
    layout = BatchRunner().lay_out(call(module, 1))
    assert layout
    budget = BatchSize(torch.device("mps"), forward, clock=lambda: now[0])
    assert budget.rows(layout, 100) == 1
    assert budget.sweeps[0][2] == pytest.approx({1: 0.1, 2: 0.1})
