"""The work order for one block, and how it is done: exported and compiled in a process of its own, then loaded."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false, reportAttributeAccessIssue=false

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn
from torch.utils._pytree import tree_map

LONGEST_S = 900.0
"""One block takes seconds to a few minutes."""
_CHILD = "from engine.batching.block_job import main; main()"


@dataclass(frozen=True, slots=True)
class TensorLike:
    """A tensor without its values."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: str

    @classmethod
    def of(cls, tensor: torch.Tensor) -> Self:
        """What code that is compiled for this tensor relies on."""
        return cls(tuple(tensor.shape), tensor.stride(), tensor.dtype, str(tensor.device))

    def made(self) -> torch.Tensor:
        """Such a tensor, of ones: what is traced does not look at values."""
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=self.device).fill_(1)


@dataclass(frozen=True)
class BlockJob:
    """A block without weights (on the meta device), and what it is called with, each tensor as a `TensorLike`."""

    block: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    weights: list[TensorLike]


class _WithWeights(nn.Module):
    """A block as a function of its weights too, so that one compiled code serves all blocks of its kind."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.names = [name for name, _ in (*block.named_parameters(), *block.named_buffers())]
        vars(self)["block"] = block  # no submodule: its weights are given, not exported

    def forward(self, weights: list[torch.Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = dict(zip(self.names, weights, strict=True))
        return torch.func.functional_call(vars(self)["block"], given, args, kwargs)


def without_values(leaf: Any) -> Any:
    """A tensor as a `TensorLike`, and anything else as it is."""
    return TensorLike.of(leaf) if isinstance(leaf, torch.Tensor) else leaf


def _made(leaf: Any) -> Any:
    return leaf.made() if isinstance(leaf, TensorLike) else leaf


def exported_from(job: BlockJob) -> torch.export.ExportedProgram:
    """The block as a graph of tensor operations, for the shapes of the job."""
    args, kwargs = tree_map(_made, (job.args, job.kwargs))
    weights = [like.made() for like in job.weights]
    with torch.no_grad():
        return torch.export.export(_WithWeights(job.block), (weights, args, kwargs), strict=False)


def compile_into(job: BlockJob, file: Path) -> None:
    """Write the job's compiled code (AOTInductor). Needs a C++ compiler for a CPU, Triton for a GPU."""
    import torch._inductor

    with torch.no_grad():
        torch._inductor.aoti_compile_and_package(exported_from(job), package_path=str(file))


def compiled_elsewhere(
    job: BlockJob, file: Path, niceness: int = 19
) -> Callable[[list[torch.Tensor]], list[torch.Tensor]]:
    """Compile in a process of its own, and load the result; called on a thread.

    Raises `RuntimeError` with the last line that the process said, and `subprocess.TimeoutExpired`.
    """
    path = os.pathsep.join(each or str(Path.cwd()) for each in sys.path)
    done = subprocess.run(  # noqa: S603 - our own code in our own interpreter
        [sys.executable, "-P", "-c", _CHILD],
        input=pickle.dumps((job, str(file), niceness)),
        capture_output=True,
        check=False,
        timeout=LONGEST_S,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1"},
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(said[-1] if said else f"the compiler ended with {done.returncode}")
    # The binding below `torch._inductor.aoti_load_package`, which would import the compiler into this process.
    return torch._C._aoti.AOTIModelPackageLoader(str(file), "model", False, 1, -1).run


def main() -> None:
    """Do the job on standard input, which this program's own process wrote."""
    job, file, niceness = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our own parent process
    if hasattr(os, "nice"):
        os.nice(niceness)
    compile_into(job, Path(file))
