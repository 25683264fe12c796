"""The bench of streaming measures what it says: a link of set speed, and diffusers' own way over it."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
import torch
from diffusers import SD3Transformer2DModel
from rich.console import Console

from engine.bench import paced_link
from engine.bench.group_offloading import group_offload
from engine.bench.kept_blocks import measure as measure_kept
from engine.bench.paced_link import PacedLink
from engine.bench.shared_transfer import measure


def test_a_link_copies_bytes_one_block_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = list[float]()
    monkeypatch.setattr(paced_link, "time", SimpleNamespace(perf_counter=lambda: 5.0, sleep=slept.append))
    link = PacedLink(bytes_per_s=100.0)
    source = torch.arange(200, dtype=torch.uint8)
    targets = [torch.zeros(200, dtype=torch.uint8) for _ in range(2)]
    waits = [link.copy(source, target, link.mark()) for target in targets]
    for wait, target in zip(waits, targets, strict=True):
        wait()
        assert torch.equal(target, source)
    assert slept == pytest.approx([2.0, 4.0])


def test_diffusers_own_way_over_the_link_draws_the_same() -> None:
    """In its first pass, in which it learns the order of blocks, and in later ones, in which it fetches ahead."""
    torch.manual_seed(0)
    sizes = {"sample_size": 8, "in_channels": 4, "num_layers": 4, "attention_head_dim": 8, "num_attention_heads": 2}
    more = {"caption_projection_dim": 16, "joint_attention_dim": 8, "pooled_projection_dim": 8, "pos_embed_max_size": 8}
    module = SD3Transformer2DModel(**sizes, **more).eval()
    values = {
        "hidden_states": torch.randn(1, 4, 8, 8),
        "encoder_hidden_states": torch.randn(1, 3, 8),
        "pooled_projections": torch.randn(1, 8),
        "timestep": torch.tensor([500]),
    }
    with torch.inference_mode():
        expected = module(**values).sample
        group_offload(module, PacedLink(1e12))
        for _ in range(3):
            assert torch.allclose(module(**values).sample, expected, atol=1e-6)


def test_the_bench_of_shared_transfers_runs() -> None:
    threads = torch.get_num_threads()
    report = measure(lambda _: None, transfers=(0.01,), members=2, repeats=1)
    torch.set_num_threads(threads)
    (row,) = report.rows
    assert row.images_ratio == pytest.approx(row.engine_images_per_s / row.in_line_images_per_s)
    assert min(row.first_preview_ratio, row.alone_ratio) > 0
    report.show(Console(file=(said := io.StringIO()), width=120))
    assert "first_preview_ratio" in said.getvalue()


def test_the_bench_of_kept_blocks_runs() -> None:
    threads = torch.get_num_threads()
    report = measure_kept(lambda _: None, transfers=(0.01,), members=2, repeats=1)
    torch.set_num_threads(threads)
    shares = [row.streamed_share for row in report.rows]
    assert shares == pytest.approx([1, 0.5, 0.5, 0.25, 0.25], abs=0.1)
    assert all(row.alone_s > 0 and row.crowd_s > 0 for row in report.rows)
    report.show(Console(file=(said := io.StringIO()), width=120))
    assert "half kept, spread" in said.getvalue()
