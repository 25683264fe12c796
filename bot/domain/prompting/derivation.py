"""What can be made of a job: new specs from old ones, and the family they form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.model import CellRef, Job, JobSpec, Options, Verb
from engine import MAX_SEED

STRENGTHS: Mapping[Verb, float] = {Verb.VARY_SUBTLE: 0.35, Verb.VARY_STRONG: 0.7}
"""How far from the cell a variation goes when nothing else is said: 0 keeps it, 1 forgets it."""

UNDRAWN = frozenset({Verb.UPSCALE_SUBTLE, Verb.DESCRIBE})
"""What no diffusion model draws."""
SINGLE = frozenset({Verb.UPSCALE_SUBTLE, Verb.UPSCALE_CREATIVE})
"""What makes one picture, where all else makes four."""
_FACTORS: Mapping[Verb, float] = {Verb.UPSCALE_SUBTLE: 4.0, Verb.UPSCALE_CREATIVE: 2.0}


def derive(
    job: Job, verb: Verb, cell: int | None = None, *, seed: int, options: Options | None = None, **fields: Any
) -> JobSpec:
    """The spec of a job made from another: from one of its cells, or (reroll) the same wish with a new seed.

    `options` replaces the parent's (remix); `fields` are further fields of `JobSpec` (mask, zoom, pan, factor, images).
    """
    options = (options or job.spec.options).model_copy(update={"seed": None, "repeat": 1})
    seed %= MAX_SEED + 1
    if verb is Verb.REROLL:
        again = {"verb": _rerolled(job.spec.verb), "options": options, "seed": seed, "parent_id": job.id}
        return job.spec.model_copy(update={**again, "alone": False, **fields})
    if cell is None:
        raise ValueError(f"{verb} needs a cell")
    sized = {"width": job.spec.width, "height": job.spec.height}
    if verb is Verb.PAN:  # a new shape, and what is made of it has that too
        options, sized = options.model_copy(update={"aspect": None}), {}
    defaults: dict[str, Any] = {
        **sized,
        "count": 1 if verb in SINGLE else 4,
        "factor": _FACTORS.get(verb, 4.0),
        "style_image": None if verb in UNDRAWN else job.spec.style_image,
    }
    source = CellRef(job_id=job.id, cell=cell)
    return JobSpec(verb=verb, options=options, seed=seed, source=source, **{**defaults, **fields})


def _rerolled(verb: Verb) -> Verb:
    # What was made from a picture is made from it again; the rest has nothing but words to go by.
    return Verb.REROLL if verb is Verb.IMAGINE else verb


@dataclass(frozen=True, slots=True)
class Family:
    """A job with everything it came from and everything that came from it."""

    jobs: tuple[Job, ...]
    """Oldest first; the first is the root."""

    @property
    def root(self) -> Job:
        """Where it began."""
        return self.jobs[0]

    def children(self, job_id: str) -> list[Job]:
        """What was made directly from a job."""
        return [job for job in self.jobs if job.parent_id == job_id]

    def nearest(self, job_id: str, count: int) -> Family:
        """At most so many: the job and those that are the fewest steps up and down the tree away from it."""
        known = {job.id: job for job in self.jobs}
        found, begun = [known[job_id]], {job_id}
        for near in found:  # which grows as it is walked
            around = [known[near.parent_id]] if near.parent_id in known else []
            fresh = [job for job in (*around, *self.children(near.id)) if job.id not in begun]
            found += fresh
            begun |= {job.id for job in fresh}
        return family(found[:count])

    def generations(self) -> Iterator[tuple[int, Job]]:
        """Every job with its distance from the root, each before its children."""
        waiting = [(0, self.root)]
        while waiting:
            depth, job = waiting.pop()
            yield depth, job
            waiting += [(depth + 1, child) for child in reversed(self.children(job.id))]


def family(jobs: Iterable[Job]) -> Family:
    """The tree that these jobs form, whatever order they come in."""
    ordered = sorted(jobs, key=lambda job: (job.created_at, job.id))
    known = {job.id for job in ordered}
    roots = [job for job in ordered if job.parent_id not in known]
    return Family((*roots, *(job for job in ordered if job not in roots)))
