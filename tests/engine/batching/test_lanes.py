"""A pipeline as a coroutine, and the views that make it one."""

from __future__ import annotations

import gc
import inspect
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from engine.batching.lanes import Lane, LaneCancelled, ParkedCall, Stage
from engine.batching.module_proxies import parking_view, stage_of


@pytest.fixture(scope="module")
def pipeline(family_folder: Callable[[str], Path]) -> Any:
    made = diffusers.DiffusionPipeline.from_pretrained(family_folder("stable-diffusion"))
    made.set_progress_bar_config(disable=True)
    return made


def run_here(lane: Lane) -> Any:
    """Answer every call with a forward pass of its own."""
    lane.start()
    while lane.parked:
        call = lane.parked
        lane.resume(getattr(call.module, call.method)(*call.args, **call.kwargs))
    return lane.result


def test_a_view_is_the_module_in_all_but_its_calls(pipeline: Any) -> None:
    unet = pipeline.unet
    view = parking_view(unet, Lane("x", print))
    assert isinstance(view, type(unet))
    assert type(view).__name__ == "UNet2DConditionModel"
    assert type(view).__module__ == type(unet).__module__
    assert view.config is unet.config
    assert (view.dtype, view.device) == (unet.dtype, unet.device)
    assert next(view.parameters()) is next(unet.parameters())
    assert inspect.signature(view.forward) == inspect.signature(unet.forward)


def test_no_pipeline_can_cast_or_move_the_shared_weights(pipeline: Any) -> None:
    view = parking_view(pipeline.vae, Lane("x", print))
    assert view.to(torch.float64) is view
    assert view.half() is view
    assert pipeline.vae.dtype is torch.float32


def test_calls_outside_of_the_lane_simply_run(pipeline: Any) -> None:
    view = parking_view(pipeline.text_encoder, Lane("x", print))
    ids = torch.zeros(1, 5, dtype=torch.long)
    assert torch.equal(view(ids)[0], pipeline.text_encoder(ids)[0])


def test_stages(pipeline: Any) -> None:
    stages = {name: stage_of(getattr(pipeline, name)) for name in ("unet", "vae", "text_encoder")}
    assert stages == {"unet": Stage.DENOISE, "vae": Stage.DECODE, "text_encoder": Stage.ENCODE}


def work(view: torch.nn.Module, log: list[str]) -> Callable[[Lane], str]:
    def body(_lane: Lane) -> str:
        try:
            view(torch.zeros(1, 2))
            log.append("first")
            view(torch.zeros(1, 2))
            log.append("second")
        except ValueError:
            log.append("caught")
        finally:
            log.append("left")
        return "done"

    return body


@pytest.fixture
def lane_and_log() -> tuple[Lane, list[str]]:
    log = list[str]()
    lane = Lane("x", lambda lane: work(parking_view(torch.nn.Linear(2, 2), lane), log)(lane))
    return lane, log


def test_a_lane_runs_from_call_to_call(lane_and_log: tuple[Lane, list[str]]) -> None:
    lane, log = lane_and_log
    lane.start()
    assert lane.parked
    assert (lane.parked.method, log) == ("__call__", [])
    lane.resume(torch.ones(1, 2))
    assert log == ["first"]
    lane.resume(torch.ones(1, 2))
    assert (lane.is_finished, lane.parked, lane.result, log) == (True, None, "done", ["first", "second", "left"])


def test_cancelling_unwinds_the_work(lane_and_log: tuple[Lane, list[str]]) -> None:
    lane, log = lane_and_log
    lane.start()
    lane.cancel()
    assert (lane.is_finished, lane.parked, log) == (True, None, ["left"])
    lane.cancel()


def test_a_lane_that_never_started_can_be_cancelled(lane_and_log: tuple[Lane, list[str]]) -> None:
    lane, log = lane_and_log
    lane.cancel()
    assert log == []
    assert not issubclass(LaneCancelled, Exception)


def test_an_error_is_raised_where_the_module_was_called(lane_and_log: tuple[Lane, list[str]]) -> None:
    lane, log = lane_and_log
    lane.start()
    lane.fail(ValueError("from the module"))
    assert (lane.result, log) == ("done", ["caught", "left"])


def test_a_dispatcher_may_be_bypassed_and_listeners_are_told() -> None:
    told = list[Any]()
    linear = torch.nn.Linear(2, 2)
    lane = Lane("x", lambda lane: [parking_view(linear, lane)(torch.full((1, 2), float(n))) for n in range(2)])
    lane.answers.append(lambda call: "known" if call.args[0].sum() == 0 else NotImplemented)
    lane.listeners.append(lambda call, output: told.append(output))
    assert run_here(lane)[0] == "known"
    assert torch.equal(lane.result[1], told[0])


def test_an_answered_call_is_let_go_at_once() -> None:
    lane = Lane("x", lambda lane: [parking_view(torch.nn.Linear(2, 2), lane)(torch.zeros(1, 2)) for _ in range(2)])
    lane.start()
    assert lane.parked
    tensor = weakref.ref(lane.parked.args[0])
    lane.parked.laid_out = (lane.parked,)
    gc.disable()
    try:
        lane.resume(torch.ones(1, 2))
        assert tensor() is None
    finally:
        gc.enable()


def test_grad_mode_survives_interleaved_pipelines(pipeline: Any) -> None:
    with torch.inference_mode():
        lanes = [
            Lane(str(n), lambda lane: torch.no_grad()(parking_view(torch.nn.Linear(2, 2), lane))(torch.zeros(1, 2)))
            for n in range(2)
        ]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.resume(torch.ones(1, 2))
        assert torch.is_inference_mode_enabled()
        assert not torch.is_grad_enabled()


def test_gradients_are_the_callers_own_while_pipelines_park(pipeline: Any) -> None:
    call = torch.no_grad()(lambda lane: parking_view(torch.nn.Linear(2, 2), lane)(torch.zeros(1, 2)))
    lanes = [Lane(str(n), call) for n in range(3)]
    for lane in lanes:
        lane.start()
        assert torch.is_grad_enabled()
    lanes[0].resume(torch.ones(1, 2))
    lanes[1].cancel()
    with pytest.raises(ValueError):
        lanes[2].fail(ValueError())
    assert torch.is_grad_enabled()


def test_a_call_keeps_its_place_when_its_arguments_change() -> None:
    call = ParkedCall(Lane("x", print), torch.nn.Linear(1, 1), "encode", (1,), {}, Stage.DECODE)
    other = call.replaced((2,), {"a": 3})
    assert (other.lane, other.module, other.method, other.stage) == (call.lane, call.module, "encode", Stage.DECODE)
    assert (other.args, other.kwargs) == ((2,), {"a": 3})
