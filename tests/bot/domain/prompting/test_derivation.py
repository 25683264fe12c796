"""New specs from old jobs, and the tree they form."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.model import CellRef, Job, JobSpec, JobState, Options, ReplyTo, Verb
from bot.domain.prompting.derivation import derive, family
from tests.bot.store.asks import NOW


def job(job_id: str, parent_id: str | None = None, age: int = 0, **spec: object) -> Job:
    fields = {"verb": Verb.IMAGINE, "options": Options(prompt="fox", seed=7, repeat=3), "seed": 7, **spec}
    return Job(
        id=job_id, state=JobState.DELIVERED, epoch=1, spec=JobSpec.model_validate(fields), member_id=1,
        member_name="ada", guild_id=5, channel_id=10, reply=ReplyTo(channel_id=10), interaction_id=1,
        parent_id=parent_id, created_at=NOW + timedelta(seconds=age),
    )  # fmt: skip


def test_a_variation_names_its_cell_and_forgets_the_seed() -> None:
    spec = derive(job("a", width=640, height=480), Verb.VARY_STRONG, 2, seed=99)
    assert (spec.verb, spec.source, spec.seed, spec.count) == (Verb.VARY_STRONG, CellRef(job_id="a", cell=2), 99, 4)
    assert (spec.options.seed, spec.options.repeat, spec.width, spec.height) == (None, 1, 640, 480)


def test_a_pan_is_of_another_shape_and_so_is_what_comes_of_it() -> None:
    wide = job("a", width=640, height=480, options=Options(prompt="fox", aspect=(4, 3)))
    pan = derive(wide, Verb.PAN, 0, seed=1, pan=(0.5, 0.0, 0.0, 0.0))
    assert (pan.options.aspect, pan.width, pan.height) == (None, None, None)
    assert derive(wide, Verb.ZOOM, 0, seed=1).options.aspect == (4, 3)


def test_an_upscale_is_one_picture() -> None:
    subtle = derive(job("a"), Verb.UPSCALE_SUBTLE, 0, seed=1)
    creative = derive(job("a"), Verb.UPSCALE_CREATIVE, 0, seed=1, factor=1.5)
    assert (subtle.count, subtle.factor, creative.count, creative.factor) == (1, 4.0, 1, 1.5)


def test_a_reroll_is_the_same_wish_with_another_seed() -> None:
    again = derive(job("a"), Verb.REROLL, seed=5)
    assert (again.verb, again.seed, again.parent_id, again.source) == (Verb.REROLL, 5, "a", None)
    zoomed = job("b", verb=Verb.ZOOM, zoom=2.0, source=CellRef(job_id="a", cell=1))
    again = derive(zoomed, Verb.REROLL, seed=2**32 + 5, options=Options(prompt="wolf"))
    assert (again.verb, again.zoom, again.source, again.parent_id) == (Verb.ZOOM, 2.0, zoomed.spec.source, "b")
    assert (again.options.prompt, again.seed) == ("wolf", 5)


def test_what_is_made_from_a_cell_needs_one() -> None:
    with pytest.raises(ValueError, match="needs a cell"):
        derive(job("a"), Verb.PAN, seed=1)


def test_a_family_is_walked_from_its_root() -> None:
    jobs = [job("c", "a", 3), job("d", "b", 4), job("a", None, 1), job("b", "a", 2), job("e", "c", 5)]
    tree = family(jobs)
    assert tree.root.id == "a"
    assert [(depth, found.id) for depth, found in tree.generations()] == [
        (0, "a"), (1, "b"), (2, "d"), (1, "c"), (2, "e"),
    ]  # fmt: skip


def test_a_large_family_is_cut_around_the_one_that_was_asked_for() -> None:
    aunts = [job(f"aunt{number}", "a", number) for number in range(9)]
    line = [job("b", "a", 20), job("c", "b", 30), job("d", "c", 40)]
    tree = family([job("a"), *aunts, *line]).nearest("c", 5)
    assert [found.id for _, found in tree.generations()] == ["a", "aunt0", "b", "c", "d"]
    assert [found.id for _, found in family([job("a"), *line]).nearest("d", 2).generations()] == ["c", "d"]


def test_a_rerolled_repetition_shares_passes_again() -> None:
    assert not derive(job("a", alone=True), Verb.REROLL, seed=5).alone


def test_a_family_whose_root_was_deleted_begins_with_the_oldest() -> None:
    assert family([job("c", "b", 3), job("b", "gone", 2)]).root.id == "b"
