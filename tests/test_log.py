"""One log for the bot and its engine's workers: every line says what it is about, in either form."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_BOT = """
import logging
from bot.log import configure
configure("info", {form!r})
log = logging.getLogger("bot.domain.jobs.outbox_worker")
log.warning("put off", extra={{"job": "j1", "pause_s": 2.5, "tries": 3}})
try:
    1 / 0
except ZeroDivisionError as error:
    log.error("failed at /123456789012345678/aW50ZXJhY3Rpb246MTIzNDU2", extra={{"job": "j2"}}, exc_info=error)
"""
_WORKER = """
import logging, multiprocessing, os, sys
from bot.log import configure
from engine.processes.child_main import LaunchOptions, work
from engine.base.logs import current
from engine.settings import EngineSettings
sys.modules["drawing"] = type(sys)("drawing")
def main(*_):
    logging.getLogger("engine.worker.tick_loop").info("drawing", extra={{"request_id": "j1-1"}})
    logging.getLogger("diffusers").info("a library's own words")
sys.modules["drawing"].main = main
configure("info", {form!r})
ours, theirs = multiprocessing.Pipe()
ours.send(LaunchOptions("drawing:main", EngineSettings(), "cpu", current()))
work(os.dup(theirs.fileno()))
"""


def logged(program: str, form: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program.format(form=form)], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()


def test_a_plain_line_says_all_it_is_about() -> None:
    put_off, failed, *traceback = logged(_BOT, "text")
    assert put_off.endswith("bot.domain.jobs.outbox_worker put off job=j1 pause_s=2.5 tries=3")
    assert failed.endswith("failed at /[secret] job=j2")
    assert traceback[-1] == "ZeroDivisionError: division by zero"


def test_a_json_line_says_the_same() -> None:
    put_off, failed = map(json.loads, logged(_BOT, "json"))
    assert (put_off["job"], put_off["pause_s"], put_off["tries"]) == ("j1", 2.5, 3)
    assert "aW50" not in failed["message"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_worker_logs_as_its_bot_does(form: str) -> None:
    (line,) = logged(_WORKER, form)
    if form == "text":
        assert line.endswith("INFO    engine.worker.tick_loop drawing request_id=j1-1")
    else:
        assert json.loads(line)["request_id"] == "j1-1"
