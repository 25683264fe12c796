"""Labels people try first; training shows them more often, so that a short training spends itself well."""

from importlib import resources

EVERYDAY = frozenset((resources.files("engine.pocket") / "everyday.txt").read_text("utf-8").splitlines())
