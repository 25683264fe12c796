"""How many files one `/imagine` enters; more than today means one more thing to know for whoever follows a picture."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.route import ROOT

MOST = {"bot's process": 75, "worker": 45}
"""Upper bounds: lower them when the way gets shorter. A quiet machine reaches 74 and 44; a slow one opens one more
connection to the database on the way. Eleven of the worker's are the built-in model."""


def test_the_way_of_one_picture_gets_no_longer() -> None:
    # A process of its own: the profiler that traces the way would slow down every other test of this one.
    route = subprocess.run(
        [sys.executable, "-m", "tests.route"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert route.returncode == 0, route.stderr
    reached = {where: int(files) for where, files in re.findall(r"^(\S.*): (\d+) files$", route.stdout, re.MULTILINE)}
    assert reached.keys() == MOST.keys()
    assert {where: files for where, files in reached.items() if files > MOST[where]} == {}, route.stdout
