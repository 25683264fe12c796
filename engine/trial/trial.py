"""Devices, models and tools tried out before anybody waits for them, in a process of its own. Torch-free."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from engine.processes.child_environment import worker_environment
from engine.settings import EngineSettings

_CODE = (
    "from engine.processes.late_imports import hold_back; hold_back()\n"  # as workers do: half of the imports
    "from engine.trial.trial_run import main; main()"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was tried ("device cuda:0", "model dreamy"), what came of it, and the remedy: "" where all is well."""

    name: str
    found: str
    remedy: str = ""


VERDICTS = TypeAdapter(tuple[Verdict, ...])


async def try_out(settings: EngineSettings, models: tuple[str, ...]) -> tuple[Verdict, ...]:
    """Compute on every configured device, load these models and the configured tools; seconds, minutes for large ones.

    Loading is what a worker does, on the CPU, so whatever it refuses is refused here in the same words.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-c",
        _CODE,
        *models,
        env=worker_environment(settings, "auto"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    answer, _ = await process.communicate(settings.model_dump_json().encode())
    try:
        return VERDICTS.validate_json(answer.splitlines()[-1])
    except (IndexError, ValidationError):
        found = f"the trial ended by itself (exit code {process.returncode})"
        return (Verdict("trial", found, "is there enough memory? the kernel's log (dmesg) names what it has ended"),)
