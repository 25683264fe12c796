"""What the templates show of jobs and pictures: plain values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bot.domain.model import Cell, Job
from bot.domain.moderation.publicity import Line, is_public
from bot.domain.prompting.prompt import render, shorten

MOST_WORDS = 160
"""Characters of a prompt on a card."""


class Picture(NamedTuple):
    """One picture."""

    page: str
    small: str
    original: str
    number: int
    width: int
    height: int


class Card(NamedTuple):
    """A job with its pictures."""

    job_id: str
    page: str
    words: str
    pictures: tuple[Picture, ...]
    maker: str
    maker_page: str
    made_at: datetime
    verb: str
    is_private: bool
    """Whether only its owner sees it."""


class Kin(NamedTuple):
    """A job in its family tree."""

    card: Card
    is_here: bool
    """Whether it is the job that the page is about."""
    children: tuple[Any, ...]
    """`Kin` of what was made from it."""


def card(line: Line, now: datetime) -> Card:
    """Return the card of a line's first job."""
    exhibit = line.exhibits[0]
    job = exhibit.job
    return Card(
        job_id=job.id,
        page=f"/p/{job.id}/{exhibit.cells[0].cell + 1}",
        words=shorten(words_of(job), MOST_WORDS),
        pictures=tuple(picture(cell) for cell in exhibit.cells),
        maker=job.member_name,
        maker_page=f"/?by={job.member_id}",
        made_at=job.created_at,
        verb=job.spec.verb.done,
        is_private=not is_public(line, now),
    )


def picture(cell: Cell) -> Picture:
    """Return the addresses of a picture."""
    base = f"{cell.job_id}/{cell.cell + 1}"
    return Picture(f"/p/{base}", f"/small/{base}.webp", f"/full/{base}.png", cell.cell + 1, cell.width, cell.height)


def words_of(job: Job) -> str:
    """Return the prompt, or what was made when there are no words."""
    return job.spec.options.prompt or (job.captions[0] if job.captions else job.spec.verb.done)


def command(job: Job) -> str:
    """Return what a member types to ask for the same."""
    return f"/imagine prompt: {render(job.spec.options)}"


def recipe(job: Job, cell: Cell) -> list[tuple[str, str]]:
    """Return the rows of the recipe: how this picture can be made again."""
    try:
        known: dict[str, Any] = json.loads(job.recipe) if job.recipe else {}
    except ValueError:
        known = {}
    rows = (
        ("Model", known.get("model") or job.model),
        ("Seed", cell.seed),
        ("Steps", known.get("num_inference_steps")),
        ("Guidance", known.get("guidance_scale")),
        ("Sampler", known.get("sampler") or known.get("noise_scheduler")),
        ("Upscaler", known.get("upscaler")),
        ("Size", f"{cell.width} × {cell.height}"),
        ("Negative prompt", job.spec.options.negative),
        ("LoRAs", ", ".join(f"{name} {weight:g}" for name, weight in job.spec.options.loras)),
        ("How", job.spec.verb.done),
    )
    return [(name, str(value)) for name, value in rows if value not in (None, "")]


def tree(lines: Sequence[Line], here: str, now: datetime) -> tuple[Kin, ...]:
    """Return the roots of the family tree of these jobs; a job whose parent is not among them is a root."""
    jobs = {line.exhibits[0].job.id: line for line in lines}

    def kin(line: Line) -> Kin:
        job_id = line.exhibits[0].job.id
        return Kin(card(line, now), job_id == here, tuple(kin(child) for child in _children(lines, job_id)))

    return tuple(kin(line) for line in lines if line.exhibits[0].job.parent_id not in jobs)


def _children(lines: Sequence[Line], job_id: str) -> list[Line]:
    return [line for line in lines if line.exhibits[0].job.parent_id == job_id]
