"""Two lists of 100 prompts, written before the weights they measure: two objects side by side, and styles."""

from dataclasses import dataclass
from importlib import resources
from typing import Self


@dataclass(frozen=True)
class TwoObjects:
    """A prompt for `left` and `right` side by side; training never showed the two together."""

    left: str
    right: str
    style: str

    def __str__(self) -> str:
        return f"{self.left} next to {self.right}, {self.style}"

    @classmethod
    def read(cls, line: str) -> Self:
        """What `str` writes."""
        objects, _, style = line.rpartition(", ")
        left, _, right = objects.partition(" next to ")
        return cls(left, right, style)


@dataclass(frozen=True)
class Styled:
    """A prompt for one object in one style."""

    label: str
    style: str

    def __str__(self) -> str:
        return f"{self.label}, {self.style}"

    @classmethod
    def read(cls, line: str) -> Self:
        """What `str` writes."""
        label, _, style = line.rpartition(", ")
        return cls(label, style)


def _lines(name: str) -> list[str]:
    return (resources.files("engine.pocket") / name).read_text("utf-8").splitlines()


TWO_OBJECTS = tuple(map(TwoObjects.read, _lines("two_objects.txt")))
STYLED = tuple(map(Styled.read, _lines("styles.txt")))
