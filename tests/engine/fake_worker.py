"""A worker that speaks the protocol without torch and fails on demand: the real one cannot be made to at will.

A request's prompt is its script, as JSON: see `Script`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engine.errors import BadOutput, RequestAborted
from engine.events import Finished, GeneratedImage, Preview
from engine.processes.protocol import (
    Activity,
    Admit,
    Beat,
    Cancel,
    LaneCharged,
    LaneFailed,
    LaneFinished,
    LaneProgress,
    LaneStarted,
    ModelsLoaded,
    Ready,
    Stop,
)


@dataclass(frozen=True)
class Script:
    steps: int = 3
    step_s: float = 0.01
    fault: str = ""
    """What happens at step 1: "crash", "freeze" (SIGSTOP), "stuck" (beats on), "stale" (talks under an old epoch)."""
    once: str = ""
    """A file that remembers that the fault has happened."""
    environment: bool = False
    """The picture's bytes are this process's environment."""
    flood: int = 0
    """Messages of progress for each step."""

    @staticmethod
    def of(prompt: str) -> Script:
        return Script(**json.loads(prompt)) if prompt.startswith("{") else Script()


@dataclass
class Running:
    admit: Admit
    script: Script
    step: int = 0
    cancelled: Cancel | None = None


@dataclass
class Worker:
    connection: Connection
    lanes: dict[str, Running] = field(default_factory=dict[str, Running])
    lock: threading.Lock = field(default_factory=threading.Lock)
    busy_since_s: float = 0.0

    def send(self, message: Any) -> None:
        with self.lock:
            self.connection.send((message,))

    def receive(self) -> None:
        try:
            while True:
                message = self.connection.recv()
                if isinstance(message, Admit):
                    self.lanes[message.request.id] = Running(message, Script.of(message.request.prompt))
                elif isinstance(message, Cancel) and (lane := self.lanes.get(message.request_id)):
                    lane.cancelled = message
                elif isinstance(message, Stop):
                    os._exit(0)
        except (EOFError, OSError):
            os._exit(1)

    def beat(self) -> None:
        while True:
            busy_s = time.monotonic() - self.busy_since_s if self.busy_since_s else 0.0
            self.send(Beat(Activity.DENOISE if self.busy_since_s else Activity.IDLE, busy_s))
            time.sleep(0.05)

    def run(self) -> None:
        while True:
            for lane in list(self.lanes.values()):
                self.busy_since_s = time.monotonic()
                self.advance(lane)
            self.busy_since_s = 0.0
            time.sleep(0.002)

    def advance(self, lane: Running) -> None:
        request, epoch, script = lane.admit.request, lane.admit.epoch, lane.script
        if lane.cancelled:
            self.end(lane, LaneFailed(request.id, epoch, RequestAborted(lane.cancelled.reason)))
            return
        if lane.step == 0:
            self.send(LaneStarted(request.id, epoch))
        time.sleep(script.step_s)
        lane.step += 1
        self.fault(lane)
        preview = Preview(b"preview", 8, 8)
        for _ in range(1 + script.flood):
            self.send(LaneProgress(request.id, epoch, lane.step, script.steps, preview))
        self.send(LaneCharged(request.id, epoch, request.member, script.step_s * 1000))
        if lane.step < script.steps:
            return
        png = json.dumps(dict(os.environ)).encode() if script.environment else f"picture {request.seed}".encode()
        image = GeneratedImage(png, request.width or 8, request.height or 8, request.seed)
        self.end(lane, LaneFinished(request.id, epoch, Finished((image,), gpu_ms=script.step_s * 1000 * script.steps)))

    def end(self, lane: Running, last: LaneFailed | LaneFinished) -> None:
        """Forget the lane before the engine hears of it: the next one may come under the same id at once."""
        del self.lanes[lane.admit.request.id]
        self.send(last)

    def fault(self, lane: Running) -> None:
        script = lane.script
        if not script.fault or lane.step != 1 or (script.once and Path(script.once).exists()):
            return
        if script.once:
            Path(script.once).touch()
        match script.fault:
            case "crash":
                os._exit(3)
            case "freeze":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "stuck":
                time.sleep(3600)
            case "stale":
                old = lane.admit.epoch - 1
                self.send(LaneFinished(lane.admit.request.id, old, Finished((), gpu_ms=0.0)))
                self.send(LaneFailed(lane.admit.request.id, old, BadOutput("a message from the past")))
            case _:
                sys.exit(f"no such fault: {script.fault}")


def main(connection: Connection, settings: Any, device: str) -> None:
    worker = Worker(connection)
    worker.send(Ready(device, os.getpid(), 1_000_000))
    worker.send(ModelsLoaded((("pocket", 1000),)))
    for target in (worker.receive, worker.beat):
        threading.Thread(target=target, daemon=True).start()
    worker.run()


def crash(connection: Connection, settings: Any, device: str) -> None:
    """A worker that cannot even start."""
    os._exit(7)


def one_dies(connection: Connection, settings: Any, device: str) -> None:
    """The device "cpu" cannot start, the others can."""
    (crash if device == "cpu" else main)(connection, settings, device)
