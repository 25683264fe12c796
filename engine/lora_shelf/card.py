"""`LoRACard`: all that members and the host see of one LoRA file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from engine.lora_shelf.plain_text import plain
from engine.settings import LoRASettings

MAX_DESCRIPTION, MAX_LINE, MAX_TRIGGER_WORD, MAX_TRIGGER_WORDS = 600, 100, 100, 8


@dataclass(frozen=True, slots=True)
class Told:
    """What one source (the file's header, a sidecar) says of a LoRA. Empty means: nothing."""

    title: str = ""
    description: str = ""
    trigger_words: tuple[str, ...] = ()
    licence: str = ""
    made_for: str = ""
    """The model it was trained for, in the source's words ("SDXL 1.0")."""
    weight: float | None = None
    """The weight that its maker prefers."""
    thumbnail: bytes = b""
    """An encoded sample picture."""

    def over(self, other: Told) -> Told:
        """This one, with the other's words where this one says nothing."""
        mine = {name: value for name in Told.__slots__ if (value := getattr(self, name)) not in ("", (), None, b"")}
        return replace(other, **mine)


@dataclass(frozen=True, slots=True)
class LoRACard:
    """One LoRA file. It is offered unless `refusal` says why not."""

    name: str
    settings: LoRASettings
    """Path, strength and model, as the host set them or as the folder gives them."""
    told: Told = Told()
    family: str = ""
    """The family it was trained for ("sdxl"), "" where nothing says so."""
    sample: Path | None = None
    """A sample picture that the host gave."""
    bytes: int = 0
    is_in_folder: bool = False
    """Whether it lies in `engine.loras_dir` and has no entry in the settings."""
    refusal: str = ""
    """Why it cannot be used, as the end of a sentence about it."""
    has_magnitudes: bool = False
    """Whether it is a DoRA, which stretches the rows of the weights themselves."""
    is_broken: bool = False
    """Whether `refusal` says that the file cannot be read."""
    notes: tuple[str, ...] = ()
    """What was left out of what is told of it, and why."""

    @property
    def made_for(self) -> str:
        """The model it is for, in words."""
        return self.settings.model or self.told.made_for or self.family


def trigger_words(found: Iterable[object]) -> tuple[str, ...]:
    """Trigger words without markup and doubles, `MAX_TRIGGER_WORDS` at most; a list in one text is divided."""
    texts = [part for each in found if isinstance(each, str) for part in plain(each, 2000).split(",")]
    cleaned = (plain(text, MAX_TRIGGER_WORD).strip(" .") for text in texts)
    return tuple(dict.fromkeys(filter(None, cleaned)))[:MAX_TRIGGER_WORDS]
