"""The command line. Before anything else, the workers of the verbs that draw begin to import: that takes longest."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack

from bot.folders import OTHERS
from bot.importing import importing
from engine import HeadStart

DRAWING = frozenset({"demo", "imagine", "run"})


def main() -> None:
    """Run a verb. What it writes is for this user alone."""
    os.umask(OTHERS)
    with ExitStack() as ended:
        head_start = HeadStart()
        if DRAWING & set(sys.argv[1:2]) and "--help" not in sys.argv:
            ended.enter_context(head_start)
        with importing():
            from bot.cli import verbs

        verbs.run(head_start)


if __name__ == "__main__":
    main()
