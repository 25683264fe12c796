"""`ForeignRecipe`: what a picture's file says of how it was made, in the words of this field."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ForeignRecipe:
    """Empty or None means: the file does not say."""

    tool: str
    """The program that made the picture."""
    prompt: str
    negative_prompt: str = ""
    seed: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    sampler: str = ""
    """In the program's own words."""
    width: int | None = None
    height: int | None = None
    model: str = ""
    loras: tuple[tuple[str, float], ...] = ()
    """Names (without folders and endings) and weights."""
    doubts: tuple[str, ...] = ()
    """What could not be read for certain, as sentences."""


def whole(value: object) -> int | None:
    """A whole number, or None."""
    try:
        found = float(str(value))
        return int(str(value)) if str(value).lstrip("-").isdigit() else int(found) if found == int(found) else None
    except (ValueError, OverflowError):
        return None


def decimal(value: object) -> float | None:
    """A finite number, or None."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if abs(found) < 1e9 else None


def stem(name: object) -> str:
    """A file's name without folders and endings of weights."""
    text = str(name).replace("\\", "/").rpartition("/")[2] if isinstance(name, str) else ""
    for end in (".safetensors", ".ckpt", ".gguf", ".pt", ".sft"):
        text = text.removesuffix(end)
    return text
