"""Derivation: job specs made from earlier jobs, and the lineage tree that jobs form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.model import CellRef, Job, JobSpec, Options, Verb
from bot.errors import BadOption
from engine import MAX_SEED

STRENGTHS: Mapping[Verb, float] = {
    Verb.VARY_SUBTLE: 0.35, Verb.VARY_STRONG: 0.7, Verb.DRAFT: 0.7, Verb.DEVELOP: 0.4,
}  # fmt: skip
"""Default `strength` of a variation: 0 keeps the source picture, 1 ignores it."""

UNDRAWN = frozenset({Verb.UPSCALE_SUBTLE, Verb.DESCRIBE, Verb.CUT_OUT})
"""Verbs that run no diffusion model."""
SINGLE = frozenset({Verb.UPSCALE_SUBTLE, Verb.UPSCALE_CREATIVE, Verb.DEVELOP, Verb.CUT_OUT})
"""Verbs that make one picture; a sheet of drafts has `DRAFTS`, all others make four."""
DRAFTS = 24
"""Pictures of a sheet: as many as a menu can list."""
_DRAFTED = frozenset({Verb.IMAGINE, Verb.REROLL, Verb.VARY_SUBTLE, Verb.VARY_STRONG, Verb.DRAFT})
"""What `--draft` makes a sheet of."""
_REDRAWN = frozenset({Verb.VARY_SUBTLE, Verb.VARY_STRONG, Verb.DRAFT, Verb.DEVELOP})
"""Verbs that draw a picture again where the control picture has its things."""
_FACTORS: Mapping[Verb, float] = {Verb.UPSCALE_SUBTLE: 4.0, Verb.UPSCALE_CREATIVE: 2.0}


def derive(
    job: Job, verb: Verb, cell: int | None = None, *, seed: int, options: Options | None = None, **fields: Any
) -> JobSpec:
    """Return the spec of a job that is derived from a cell of another, or (reroll) the same spec with a new seed.

    `options` replaces the parent's options (remix). `fields` are further fields of `JobSpec` (mask, zoom, pan, factor).
    """
    own = {"relax": False} if verb is Verb.REROLL else {"relax": False, "draft": False}
    inherited = job.spec.options.model_copy(update=own)
    options = (options or inherited).model_copy(update={"seed": None, "repeat": 1})
    if verb is Verb.REROLL:
        return _again(job, options, seed % (MAX_SEED + 1), **fields)
    if cell is None:
        raise ValueError(f"{verb} needs a cell")
    return _from_cell(job, sheet_or(verb, options), cell, options, seed % (MAX_SEED + 1), **fields)


def _again(job: Job, options: Options, seed: int, **fields: Any) -> JobSpec:
    verb = _rerolled(job.spec.verb, options)
    again = {"verb": verb, "options": options, "seed": seed, "parent_id": job.id, "count": _count(verb)}
    return job.spec.model_copy(update={**again, "credit": "", "alone": False, **fields})


def _from_cell(job: Job, verb: Verb, cell: int, options: Options, seed: int, **fields: Any) -> JobSpec:
    options = options.model_copy(update={"draft": verb is Verb.DRAFT})
    sized = {"width": job.spec.width, "height": job.spec.height}
    if verb is Verb.DEVELOP:
        seed = (job.spec.seed + cell) % (MAX_SEED + 1)
    if job.spec.verb is Verb.DRAFT:  # what is made from a small picture has a size of its own
        sized = {}
    if verb in (Verb.PAN, Verb.EDIT):  # the aspect ratio is that of what comes of it, also for jobs derived from that
        options, sized = options.model_copy(update={"aspect": None}), {}
    if verb in UNDRAWN and options.kept_style is not None:
        options = options.model_copy(update={"style": None, "kept_style": None, "style_weight": None})
    defaults: dict[str, Any] = {
        **sized,
        "count": _count(verb),
        "factor": _FACTORS.get(verb, 4.0),
        "style_image": None if verb in UNDRAWN or verb is Verb.EDIT else job.spec.style_image,
    }
    if job.spec.control is not None and verb in _REDRAWN:
        defaults["control"] = job.spec.control
    else:
        options = options.model_copy(update={"control_type": None, "control_strength": None})
    source = CellRef(job_id=job.id, cell=cell)
    return JobSpec(verb=verb, options=options, seed=seed, source=source, **{**defaults, **fields})


def sheet_or(verb: Verb, options: Options) -> Verb:
    """Return the verb, or that of a sheet where the options ask for drafts. Raises `BadOption` where there are none."""
    if options.draft and verb not in _DRAFTED:
        raise BadOption("--draft", f"there are no drafts here ({verb.done}); leave it out")
    return Verb.DRAFT if options.draft and verb in _DRAFTED else verb


def _count(verb: Verb) -> int:
    return DRAFTS if verb is Verb.DRAFT else 1 if verb in SINGLE else 4


def _rerolled(verb: Verb, options: Options) -> Verb:
    # A job made from a picture is made from it again; only a job made from words alone becomes a reroll.
    if verb is Verb.DRAFT and not options.draft:
        verb = Verb.IMAGINE
    return sheet_or(Verb.REROLL if verb is Verb.IMAGINE else verb, options)


@dataclass(frozen=True, slots=True)
class Family:
    """Lineage tree: a job with its ancestors and all their descendants."""

    jobs: tuple[Job, ...]
    """Oldest first; the first is the root."""

    @property
    def root(self) -> Job:
        """The oldest ancestor."""
        return self.jobs[0]

    def children(self, job_id: str) -> list[Job]:
        """Return the jobs that were derived directly from a job."""
        return [job for job in self.jobs if job.parent_id == job_id]

    def nearest(self, job_id: str, count: int) -> Family:
        """Return the job and its nearest relatives, at most `count` jobs, by number of edges in the tree."""
        known = {job.id: job for job in self.jobs}
        found, begun = [known[job_id]], {job_id}
        for near in found:  # which grows as it is walked
            around = [known[near.parent_id]] if near.parent_id in known else []
            fresh = [job for job in (*around, *self.children(near.id)) if job.id not in begun]
            found += fresh
            begun |= {job.id for job in fresh}
        return family(found[:count])

    def generations(self) -> Iterator[tuple[int, Job]]:
        """Yield (distance from the root, job), each job before its children."""
        waiting = [(0, self.root)]
        while waiting:
            depth, job = waiting.pop()
            yield depth, job
            waiting += [(depth + 1, child) for child in reversed(self.children(job.id))]


def family(jobs: Iterable[Job]) -> Family:
    """Return the tree that these jobs form; their order does not matter."""
    ordered = sorted(jobs, key=lambda job: (job.created_at, job.id))
    known = {job.id for job in ordered}
    roots = [job for job in ordered if job.parent_id not in known]
    return Family((*roots, *(job for job in ordered if job not in roots)))
