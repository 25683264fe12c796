"""How long it takes from the shell to something to see, of this checkout and of another one, in turn.

python -m tests.bench.start_times --against PATH-TO-OLD-CHECKOUT --runs 5

Each run starts `darkroom demo` as a process, opens its page as a browser does, asks for a picture at once, and waits
for the first preview; then it starts `darkroom imagine`. The first run of each warms caches and is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)/#(\S+)")
LOOK_S = 0.02
PATIENCE_S = 120.0
PROMPT = "a red apple on a table --seed 1"


class PlaygroundPage:
    """The page as the browser's script sees it."""

    def __init__(self, origin: str, capability: str) -> None:
        self._origin, self._headers = origin, {"X-Simcord-Capability": capability}
        self.state = self._ask("/api/pages", {})
        self._headers["X-Simcord-Context"] = self.state["context"]["id"]

    def imagine(self, prompt: str) -> None:
        """Send the command; returns when it was answered in some way."""
        commands = self._ask("/api/commands")["entries"]
        entry = next(each for each in commands if each["invocation"] == "imagine")
        said = self._ask(
            "/api/action",
            {
                "protocol_version": 3, "kind": "run_command", "sequence": 1, "request_id": "first",
                "generation": self.state["context"]["generation"], "bot_generation": self.state["botGeneration"],
                "published_revision": self.state["publishedRevision"], "command_id": entry["commandId"],
                "path": entry["path"], "schema_fingerprint": entry["schemaFingerprint"], "options": {"prompt": prompt},
            },
        )  # fmt: skip
        assert not said["rejected"], said

    def wait(self, seen: Any) -> None:
        """Wait until one of the messages is what is waited for."""
        late = time.monotonic() + PATIENCE_S
        while not any(seen(message) for message in self._ask("/api/state?since=0")["messages"].values()):
            assert time.monotonic() < late, "nothing to see"
            time.sleep(LOOK_S)

    def _ask(self, path: str, body: Any = None) -> Any:
        headers = {**self._headers, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._origin + path, data, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)


def demo(checkout: Path) -> dict[str, float]:
    """Seconds from the shell to the page and to the first preview, from ask to acceptance, and of processors."""
    spent = _processor_s()
    with tempfile.NamedTemporaryFile("w") as said:
        begun = time.monotonic()
        process = subprocess.Popen(_darkroom("demo", "--no-browser"), cwd=checkout, env=_environment(), stderr=said)
        try:
            origin, capability = _address(process, Path(said.name))
            shown = time.monotonic()
            page = PlaygroundPage(origin, capability)
            asked = time.monotonic()
            page.imagine(PROMPT)
            accepted = time.monotonic()
            page.wait(lambda message: message.get("attachments"))
            seen = time.monotonic()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)
    return {
        "page": shown - begun,
        "first preview": seen - begun,
        "first ask accepted after": accepted - asked,
        "processors, demo": _processor_s() - spent,
    }


def imagine(checkout: Path) -> dict[str, float]:
    """Seconds from the shell to the finished pictures on disk, and of processors."""
    spent = _processor_s()
    with tempfile.TemporaryDirectory() as out:
        begun = time.monotonic()
        command = _darkroom("imagine", PROMPT, "--out", out)
        subprocess.run(command, cwd=checkout, env=_environment(), check=True, capture_output=True)
        assert list(Path(out).glob("*.png"))
        return {"imagine": time.monotonic() - begun, "processors, imagine": _processor_s() - spent}


def _processor_s() -> float:
    """Of all processes that were started here and have ended, with theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _darkroom(*words: str) -> list[str]:
    return [sys.executable, "-m", "bot", *words]


def _environment() -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}


def _address(process: subprocess.Popen[bytes], said: Path) -> tuple[str, str]:
    while True:
        if found := ADDRESS.search(said.read_text()):
            return found[1], found[2]
        assert process.poll() is None, said.read_text()
        time.sleep(0.01)


def main() -> None:
    """Measure in turn; print the medians and, against another checkout, their ratios."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--against", type=Path)
    asked.add_argument("--runs", type=int, default=5)
    given = asked.parse_args()
    checkouts = [ROOT, *([given.against.resolve()] if given.against else [])]
    found: list[dict[str, list[float]]] = [{} for _ in checkouts]
    for run in range(given.runs + 1):
        for checkout, figures in zip(checkouts, found, strict=True):
            measured = {**demo(checkout), **imagine(checkout)}
            print(
                f"run {run} of {checkout.name}:",
                {name: round(value, 2) for name, value in measured.items()},
                flush=True,
            )
            for name, value in measured.items():
                if run:
                    figures.setdefault(name, []).append(value)
    for name in found[0]:
        medians = [statistics.median(figures[name]) for figures in found]
        ratios = [one / other for one, other in zip(found[0][name], found[-1][name], strict=True)]
        against = f", before {medians[1]:.2f} s, ratio {statistics.median(ratios):.2f}" if given.against else ""
        spread = f"{min(found[0][name]):.2f} to {max(found[0][name]):.2f}"
        print(f"{name}: {medians[0]:.2f} s ({spread}){against}")


if __name__ == "__main__":
    main()
