"""Compiled blocks: pictures are right before, while and after blocks are compiled, and where that fails."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from engine.batching import compiled_blocks
from engine.batching.attention_kernels import TIMED, ChosenAttention
from engine.batching.block_job import BlockJob, TensorLike, compiled_elsewhere, exported_from
from engine.batching.compiled_blocks import MOST, CompiledBlocks, Runner, attach
from engine.batching.forward import COMPILED
from engine.pocket.blocks import JointBlock
from engine.requests import ImageRequest
from engine.settings import EngineSettings
from tests.engine.attention_stand_ins import Time
from tests.engine.local_worker import SIZE, LocalWorker, PocketWorker, as_array, ask

pytestmark = pytest.mark.filterwarnings("ignore")


class Compiler:
    """Stands in for the compiling process: holds the work back until `go`, and then runs the block it was sent."""

    def __init__(self, spoil: float = 0.0, error: str = "") -> None:
        self.go, self.runs, self.jobs = threading.Event(), 0, list[BlockJob]()
        self._spoil, self._error = spoil, error

    def __call__(self, job: BlockJob, file: Path) -> Runner:
        self.jobs.append(job)
        assert self.go.wait(60)
        if self._error:
            raise RuntimeError(self._error)
        names = [name for name, _ in (*job.block.named_parameters(), *job.block.named_buffers())]

        def run(given: list[torch.Tensor]) -> list[torch.Tensor]:
            self.runs += 1
            rest = iter(given[len(names) :])
            args, kwargs = tree_map(
                lambda leaf: next(rest) if isinstance(leaf, TensorLike) else leaf, (job.args, job.kwargs)
            )
            made = torch.func.functional_call(job.block, dict(zip(names, given, strict=False)), args, kwargs)
            return [made + self._spoil]

        return run


class Exporter:
    """Stands in for the compiling process: exports as it does, and runs what was exported without compiling it."""

    runs = 0

    def __call__(self, job: BlockJob, file: Path) -> Runner:
        exported = exported_from(job).module()

        def run(given: list[torch.Tensor]) -> list[torch.Tensor]:
            self.runs += 1
            rest = iter(given[len(job.weights) :])
            args, kwargs = tree_map(
                lambda leaf: next(rest) if isinstance(leaf, TensorLike) else leaf, (job.args, job.kwargs)
            )
            return tree_leaves(exported(given[: len(job.weights)], args, kwargs))

        return run


@pytest.fixture(scope="module")
def worker() -> PocketWorker:
    return PocketWorker(threads=1)


@pytest.fixture
def attached(worker: PocketWorker) -> Iterator[Callable[[Compiler], CompiledBlocks]]:
    """Attach to the worker's denoiser; taken away again."""
    denoiser, made = worker.model.parkable["unet"], list[CompiledBlocks]()

    def attach_with(compiler: Compiler) -> CompiledBlocks:
        blocks = attach(denoiser, compiler)
        assert blocks is not None
        made.append(blocks)
        return blocks

    yield attach_with
    for each in made:
        each.close()
    vars(denoiser).pop(COMPILED, None)


def asked(**fields: object) -> ImageRequest:
    return ask(width=128, height=128, num_images=1, **fields)


def settled(blocks: CompiledBlocks) -> None:
    """Wait for the thread that compiles."""
    blocks._thread.submit(lambda: None).result(60)


def test_pictures_are_right_while_and_after_compiling(
    worker: PocketWorker, attached: Callable[[Compiler], CompiledBlocks]
) -> None:
    (before,) = worker.draw(asked())
    compiler = Compiler()
    blocks = attached(compiler)

    (meanwhile,) = worker.draw(asked())
    assert compiler.jobs, "its blocks are wanted, and nobody waits for them"
    compiler.go.set()
    settled(blocks)
    (proving,) = worker.draw(asked())
    finished = worker.finish(asked())
    (after,) = (as_array(image.png) for image in finished.images)

    np.testing.assert_array_equal(before, meanwhile)
    assert finished.recipe and not finished.recipe.alone, "made again it is drawn eagerly"
    assert compiler.runs > 20
    assert not blocks.failed
    for drawn in (proving, after):
        assert np.abs(before.astype(int) - drawn).max() <= 2


def test_no_weights_are_sent(worker: PocketWorker, attached: Callable[[Compiler], CompiledBlocks]) -> None:
    compiler = Compiler()
    compiler.go.set()
    attached(compiler)

    worker.draw(asked())

    tensors = [each for job in compiler.jobs for each in (*job.block.parameters(), *job.block.buffers())]
    assert tensors and all(each.is_meta for each in tensors)
    assert not any(
        isinstance(each, torch.Tensor) for job in compiler.jobs for each in tree_leaves((job.args, job.kwargs))
    )


@pytest.mark.parametrize(
    ("compiler", "said"),
    [(Compiler(error="no compiler here"), "no compiler here"), (Compiler(spoil=0.5), "apart")],
)
def test_what_fails_stays_eager_and_is_said_once(
    worker: PocketWorker,
    attached: Callable[[Compiler], CompiledBlocks],
    caplog: pytest.LogCaptureFixture,
    compiler: Compiler,
    said: str,
) -> None:
    (before,) = worker.draw(asked())
    compiler.go.set()
    blocks = attached(compiler)
    worker.draw(asked())
    settled_quietly(blocks)

    with caplog.at_level(logging.WARNING, "engine.batching.compiled_blocks"):
        drawn = [worker.draw(asked())[0] for _ in range(2)]

    assert blocks.failed
    assert [said in record.getMessage() for record in caplog.records] == [True]
    for each in drawn:
        np.testing.assert_array_equal(before, each)


def settled_quietly(blocks: CompiledBlocks) -> None:
    if not blocks.failed:
        settled(blocks)


def test_what_needs_its_own_bits_stays_eager(
    worker: PocketWorker, attached: Callable[[Compiler], CompiledBlocks]
) -> None:
    compiler = Compiler()
    compiler.go.set()
    blocks = attached(compiler)
    for _ in range(3):
        worker.draw(asked())
        settled(blocks)
    used = compiler.runs
    assert used

    worker.draw(asked(alone=True))
    worker.draw(asked(tile=True))

    assert compiler.runs == used


def test_no_more_shapes_than_a_bound_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_blocks, "SEEN", 1)
    compiler, block = Compiler(), JointBlock(32, 2).eval().requires_grad_(False)
    compiler.go.set()
    blocks = CompiledBlocks("Tiny", compiler)
    blocks.take(block)

    with blocks.in_use(), torch.inference_mode():
        for rows in range(1, 2 * MOST):
            block(*_inputs(rows))
    settled(blocks)

    assert len(compiler.jobs) == MOST
    blocks.close()
    assert "forward" not in vars(block)


def test_code_that_breaks_later_gives_way_to_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_blocks, "SEEN", 1)
    block, calls = JointBlock(32, 2).eval().requires_grad_(False), list[int]()

    def compile_once(job: BlockJob, file: Path) -> Runner:
        def run(given: list[torch.Tensor]) -> list[torch.Tensor]:
            calls.append(len(calls))
            if len(calls) > 1:
                raise RuntimeError("the driver was replaced")
            return [JointBlock.forward(block, *_inputs(2))]

        return run

    blocks = CompiledBlocks("Tiny", compile_once)
    blocks.take(block)
    with torch.inference_mode(), blocks.in_use():
        expected = block(*_inputs(2))
        settled(blocks)
        drawn = [block(*_inputs(2)) for _ in range(3)]

    assert calls == [0, 1] and blocks.failed
    assert all(torch.equal(each, expected) for each in drawn)
    blocks.close()


@pytest.mark.parametrize(("compiled_s", "is_used"), [(1.0, True), (3.0, False)])
def test_code_gives_way_to_blocks_with_faster_attention(
    monkeypatch: pytest.MonkeyPatch, compiled_s: float, is_used: bool
) -> None:
    monkeypatch.setattr(compiled_blocks, "SEEN", 1)
    block, time, calls = JointBlock(32, 2).eval().requires_grad_(False), Time(), list[int]()
    with torch.inference_mode():
        expected = block(*_inputs(2))

    def compile_(job: BlockJob, file: Path) -> Runner:
        def run(given: list[torch.Tensor]) -> list[torch.Tensor]:
            calls.append(len(calls))
            time.now_s += compiled_s
            return [expected]

        return run

    def eager(own: nn.Module, *args: object) -> None:
        time.now_s += 2.0

    rival = ChosenAttention("Tiny", ("flash",), in_charge=("flash",))
    blocks = CompiledBlocks("Tiny", compile_, rival, time)
    blocks.take(block)
    block.qkv.register_forward_hook(eager)
    with torch.inference_mode(), blocks.in_use():
        block(*_inputs(2))
        settled(blocks)
        drawn = [block(*_inputs(2)) for _ in range(10)]

    assert len(calls) == (10 if is_used else TIMED)
    assert not blocks.failed and blocks.ran == is_used
    assert all(torch.equal(each, expected) for each in drawn)
    blocks.close()


def test_on_a_processor_and_when_off_nothing_is_compiled(worker: PocketWorker) -> None:
    assert COMPILED not in vars(worker.model.parkable["unet"])
    assert EngineSettings().compile == "auto"
    assert attach(nn.Linear(2, 2)) is None, "it names no repeated blocks"


@pytest.mark.timeout(900)  # a C++ compiler beside everything else that a machine does
@pytest.mark.skipif("DARKROOM_TEST_COMPILE" not in os.environ, reason="a minute of a C++ compiler's work")
@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
def test_a_block_is_really_compiled_in_a_process_of_its_own(tmp_path: Path) -> None:
    torch.manual_seed(0)
    blocks = [JointBlock(32, 2).eval().requires_grad_(False) for _ in range(2)]
    inputs = _inputs(3)
    likes = tree_map(TensorLike.of, (inputs, {}))
    job = BlockJob(compiled_blocks._bare(blocks[0]), *likes, [TensorLike.of(each) for each in blocks[0].parameters()])

    run = compiled_elsewhere(job, tmp_path / "block.pt2", niceness=0)

    with torch.inference_mode():
        for block in blocks:
            (made,) = run([*block.parameters(), *tree_leaves(inputs)])
            torch.testing.assert_close(made, block(*inputs), atol=1e-4, rtol=1e-4)


def test_a_compiling_process_that_ends_badly_says_why(tmp_path: Path) -> None:
    job = BlockJob(nn.Identity(), (TensorLike((1,), (1,), torch.float32, "nowhere"),), {}, [])

    with pytest.raises(RuntimeError, match="nowhere"):
        compiled_elsewhere(job, tmp_path / "block.pt2")


def _inputs(rows: int) -> tuple[object, ...]:
    torch.manual_seed(rows)
    rotation = torch.randn(6, 8), torch.randn(6, 8)
    return torch.randn(rows, 6, 32), torch.randn(rows, 6, 32), rotation, torch.ones(rows, 1, 1, 6, dtype=torch.bool)


@pytest.mark.parametrize("family", ["stable-diffusion", "z-image", "flux"])
def test_families_blocks_can_be_exported_and_draw_the_same(
    family_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    monkeypatch.setattr(compiled_blocks, "SEEN", 1)
    worker = LocalWorker(family_folder(family))
    denoiser = next(worker.model.parkable[name] for name in ("unet", "transformer") if name in worker.model.parkable)
    request = ask(num_inference_steps=2, num_images=1, **SIZE)
    (before,) = worker.draw(request)
    exporter = Exporter()
    blocks = attach(denoiser, exporter)
    assert blocks is not None

    worker.draw(request)
    settled(blocks)
    drawn = [worker.draw(request)[0] for _ in range(2)]

    assert exporter.runs and not blocks.failed
    for each in drawn:
        assert np.abs(before.astype(int) - each).max() <= 2
    worker.model.close()
    assert blocks.failed, "closed with its model"
