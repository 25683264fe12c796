"""Lanes side by side: who hears what, who pays, and that nobody notices the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.batching.batch_runner import Batch, BatchRunner
from engine.batching.batch_size import BatchSize
from engine.batching.lanes import Stage
from engine.errors import AbortReason, BadOutput, InferenceFailed, RequestAborted
from engine.fair_share import FairShare
from engine.processes.protocol import LaneCharged, LaneFailed, LaneFinished, LaneProgress, LaneStarted
from engine.requests import ImageRequest
from tests.engine.studio import SIZE, Studio, as_array, ask


@pytest.fixture(scope="module")
def studio(family_folder: Callable[[str], Path]) -> Studio:
    return Studio(family_folder("stable-diffusion"))


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed budget, because a sweep depends on what else the machine does."""
    monkeypatch.setattr(BatchSize, "rows", lambda self, layout, waiting: 16)


def pictures(messages: list[Any]) -> list[np.ndarray]:
    last = messages[-1]
    assert isinstance(last, LaneFinished), last
    return [as_array(image.png) for image in last.finished.images]


def test_what_is_said_of_a_lane_and_in_which_order(studio: Studio) -> None:
    (messages,) = studio.run(ask(**SIZE))
    assert isinstance(messages[0], LaneStarted)
    steps = [message.step for message in messages if isinstance(message, LaneProgress)]
    assert steps[-1] == max(steps)
    assert any(message.preview for message in messages if isinstance(message, LaneProgress))
    charged = sum(message.gpu_ms for message in messages if isinstance(message, LaneCharged))
    assert charged == pytest.approx(messages[-1].finished.gpu_ms)


def test_a_sweep_is_no_part_of_the_pass_before_it(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a slow device would be taken for one that hangs."""
    done = list[str]()
    monkeypatch.setattr(BatchSize, "rows", lambda *_: done.append("sweep") or 16)
    with studio.desk() as (tick_loop, _), torch.inference_mode():
        tick_loop.activity = done.append
        for seed in (1, 2):
            tick_loop.open(studio.admit(ask(seed=seed, **SIZE)), studio.model)
        while tick_loop.lanes:
            begun = len(done)
            tick_loop.tick()
            assert done[begun] != "sweep"
    assert "sweep" in done


def test_a_picture_is_the_same_alone_and_among_others(studio: Studio) -> None:
    request = ask(seed=5, noise_scheduler="EulerDiscreteScheduler", **SIZE)
    others = [ask(seed=50 + n, num_inference_steps=2 + n, guidance_scale=n / 2, **SIZE) for n in range(3)]
    alone = pictures(studio.run(request)[0])
    among = pictures(studio.run(others[0], request.model_copy(update={"id": "again"}), *others[1:])[1])
    for one, other in zip(alone, among, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_deterministic_pictures_are_the_same_to_the_byte(family_folder: Callable[[str], Path]) -> None:
    studio = Studio(family_folder("stable-diffusion"), deterministic=True)
    request = ask(seed=5, num_images=3, **SIZE)
    others = [ask(seed=50 + n, num_inference_steps=2 + n, num_images=1 + n, **SIZE) for n in range(3)]
    (alone,) = studio.run(request)
    among = studio.run(others[0], request.model_copy(update={"id": "again"}), *others[1:])[1]
    for one, other in zip(alone[-1].finished.images, among[-1].finished.images, strict=True):
        assert one.png == other.png
        assert one.latents == other.latents


def test_device_time_is_divided_by_rows(studio: Studio) -> None:
    large, small = ask(num_images=4, num_inference_steps=6, **SIZE), ask(num_images=1, num_inference_steps=6, **SIZE)
    studio.run(ask(**SIZE))
    ours, theirs = studio.run(large, small)
    assert ours[-1].finished.gpu_ms > 1.5 * theirs[-1].finished.gpu_ms


def test_a_cancelled_lane_is_gone_at_once_unnoticed_by_others(studio: Studio) -> None:
    request, doomed = ask(seed=5, **SIZE), ask(seed=6, num_inference_steps=50, **SIZE)
    alone = pictures(studio.run(request)[0])
    with studio.desk() as (tick_loop, said), torch.inference_mode():
        for each in (doomed, request):
            tick_loop.open(studio.admit(each), studio.model)
        for _ in range(5):
            tick_loop.tick()
        tick_loop.cancel(doomed.id, 1, AbortReason.MODERATOR)  # of another epoch: not meant
        assert doomed.id in tick_loop.lanes
        tick_loop.cancel(doomed.id, 0, AbortReason.MODERATOR)
        assert doomed.id not in tick_loop.lanes
        while tick_loop.lanes:
            tick_loop.tick()
    failed = next(message for message in said if isinstance(message, LaneFailed))
    assert isinstance(failed.error, RequestAborted)
    assert failed.error.reason is AbortReason.MODERATOR
    assert failed.gpu_ms > 0
    mine = [message for message in said if message.request_id == request.id]
    for one, other in zip(alone, pictures(mine), strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_prompts_and_decoding_take_no_more_time_than_denoising(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = {Stage.ENCODE: 3.0, Stage.DENOISE: 10.0, Stage.DECODE: 30.0}
    now, log = [0.0], list[tuple[Stage, bool]]()
    run = BatchRunner.run

    def timed(self: BatchRunner, batch: Batch) -> list[Any]:
        stage = batch.calls[0].stage
        parked = [opened.lane.parked.stage for opened in tick_loop.lanes.values() if opened.lane.parked]
        log.append((stage, Stage.DENOISE in parked))
        now[0] += costs[stage]
        return run(self, batch)

    monkeypatch.setattr(BatchRunner, "run", timed)
    with studio.desk() as (tick_loop, _), torch.inference_mode():
        tick_loop.timer = lambda: now[0]
        for n in range(4):
            tick_loop.open(studio.admit(ask(seed=n, member=str(n), **SIZE)), studio.model)
        while tick_loop.lanes:
            tick_loop.tick()
    assert set(costs) == {stage for stage, _ in log}
    aside = 0.0
    for stage, denoiser_waits in log:
        assert stage is Stage.DENOISE or not denoiser_waits or aside < costs[Stage.DENOISE]
        aside = 0.0 if stage is Stage.DENOISE else aside + costs[stage]


def broken_first(studio: Studio, monkeypatch: pytest.MonkeyPatch, times: int, value: float) -> None:
    """Let the first decodings give nothing but `value`."""
    vae = studio.model.vae
    decode, left = vae.decode, [times]

    def decoded(*args: Any, **kwargs: Any) -> Any:
        output = decode(*args, **kwargs)
        left[0] -= 1
        return (torch.full_like(output[0], value),) if left[0] >= 0 else output

    monkeypatch.setattr(vae, "decode", decoded)


@pytest.mark.parametrize("value", [float("nan"), 0.0], ids=["NaN", "blank"])
def test_a_broken_picture_is_tried_once_more_in_float32(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    whole = pictures(studio.run(ask(**SIZE))[0])
    broken_first(studio, monkeypatch, 1, value)
    (messages,) = studio.run(ask(**SIZE))
    assert np.abs(pictures(messages)[0].astype(int) - whole[0]).max() <= 1
    assert sum(isinstance(message, LaneStarted) for message in messages) == 1
    broken_first(studio, monkeypatch, 2, value)
    assert isinstance(studio.refuse(ask(**SIZE)), BadOutput)


def test_a_failing_lane_fails_alone(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = ask(seed=5, **SIZE), ask(seed=6, prompt="a dog", **SIZE)
    encode = studio.model.parkable["text_encoder"].forward
    fails = studio.tokens("a dog")

    def encoded(input_ids: torch.Tensor, **kwargs: Any) -> Any:
        if any(torch.equal(row, fails[0]) for row in input_ids):
            raise ValueError("no dogs")
        return encode(input_ids, **kwargs)

    monkeypatch.setattr(studio.model.parkable["text_encoder"], "forward", encoded)
    theirs, ours = studio.run(bad, good)
    assert isinstance(theirs[-1], LaneFailed)
    assert isinstance(theirs[-1].error, InferenceFailed)
    assert pictures(ours)


def test_light_members_overtake_a_heavy_one(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchSize, "rows", lambda *each: each[1].rows)  # one lane a tick: nobody rides along
    charge = FairShare.charge
    # As if the passes were those of a large model: members within a second or so of one another count as even.
    monkeypatch.setattr(FairShare, "charge", lambda self, member, ms, now_s: charge(self, member, 100 * ms, now_s))
    heavy = [ask(seed=n, member="heavy", num_inference_steps=12, **SIZE) for n in range(4)]
    light = ask(seed=9, member="light", num_inference_steps=12, **SIZE)
    with studio.desk() as (tick_loop, _), torch.inference_mode():
        for request in (*heavy, light):
            tick_loop.open(studio.admit(request), studio.model)
        while light.id in tick_loop.lanes:
            tick_loop.tick()
        unfinished = len(tick_loop.lanes)
        tick_loop.close()
    assert unfinished >= 3, "at most one of the heavy member's requests is done before the light member's"


def test_every_request_is_a_request_like_any_other() -> None:
    from engine.operations import OPERATIONS

    def kinds(kind: type[ImageRequest]) -> set[type[ImageRequest]]:
        return {kind}.union(*(kinds(each) for each in kind.__subclasses__()))

    assert kinds(ImageRequest) == set(OPERATIONS)


def test_a_newcomers_encoding_costs_no_turn_of_the_boost(studio: Studio) -> None:
    with studio.desk() as (tick_loop, _), torch.inference_mode():
        tick_loop.turns.share = FairShare(first_preview_share=0.0)
        tick_loop.open(studio.admit(ask(member="early", num_inference_steps=20, **SIZE)), studio.model)
        for _ in range(6):
            tick_loop.tick()
        tick_loop.turns.share.charge("late", 60_000.0, 0.0)
        late = ask(member="late", prompt="words nobody said before", **SIZE)
        tick_loop.open(studio.admit(late), studio.model)
        tick_loop.tick()
        parked = tick_loop.lanes[late.id].lane.parked
        assert parked is not None and parked.stage is Stage.DENOISE, "the negative prompt was known"
        tick_loop.close()
