"""On a CUDA device, in bfloat16: what is drawn in a crowd is what is drawn alone. Run with `pytest tests/gpu`."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch

from engine.errors import ModelLoadFailed
from tests.engine import families
from tests.engine.local_worker import SIZE, LocalWorker, as_array, ask

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
FAMILIES = ("stable-diffusion-xl", "z-image", "flux2-klein")
CROWD = [ask(prompt=prompt, seed=seed, num_images=1, **SIZE) for seed, prompt in enumerate(("a fox", "two boats", "a"))]


def drawn(worker: LocalWorker, together: bool) -> list[numpy.ndarray]:
    runs = worker.run(*CROWD) if together else [worker.run(request)[0] for request in CROWD]
    return [as_array(messages[-1].finished.images[0].png).astype(int) for messages in runs]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "families"


@pytest.mark.parametrize("name", FAMILIES)
def test_in_bfloat16_a_crowd_changes_few_pixels_by_little(name: str, cache: Path) -> None:
    worker = LocalWorker(families.folder(name, cache), device="cuda")
    assert worker.model.dtype == torch.bfloat16
    for _ in range(2):  # what the first round proves, the second uses
        for one, other in zip(drawn(worker, together=True), drawn(worker, together=False), strict=True):
            assert numpy.abs(one - other).mean() <= 1.0


@pytest.mark.parametrize("name", FAMILIES)
def test_deterministic_means_the_same_bytes_in_any_company(name: str, cache: Path) -> None:
    worker = LocalWorker(families.folder(name, cache), device="cuda", deterministic=True)
    for _ in range(2):
        for one, other in zip(drawn(worker, together=True), drawn(worker, together=False), strict=True):
            assert numpy.array_equal(one, other)


@pytest.mark.parametrize("kernel", ["auto", "flash", "_native_cudnn", "_native_flash", "_native_efficient"])
@pytest.mark.parametrize("name", ["z-image", "flux2-klein"])
def test_another_attention_kernel_changes_few_pixels_by_little(name: str, kernel: str, cache: Path) -> None:
    folder = families.folder(name, cache)
    try:
        worker = LocalWorker(folder, device="cuda", attention=kernel)
    except ModelLoadFailed as error:
        pytest.skip(error.why)
    own = drawn(LocalWorker(folder, device="cuda", attention="off"), together=False)
    for _ in range(2):  # what the first round proves, the second uses
        for one, other in zip(drawn(worker, together=True), own, strict=True):
            assert numpy.abs(one - other).mean() <= 1.0
