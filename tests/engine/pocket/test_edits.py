"""The list of edits and its judge: what is right counts, and what is not does not."""

from pathlib import Path

import torch

from engine.pocket.edits import EditCase, EditJudge, cases, table
from engine.pocket.palette import COLOURS, rgb
from engine.pocket.vision import PictureEncoder


def disc(object_: str, ground: str, radius: float = 0.6) -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    inner, outer = (rgb(torch.tensor([COLOURS[word]]))[0][:, None, None] * 2 - 1 for word in (object_, ground))
    return torch.where(x**2 + y**2 < radius, inner, outer)[None]


def test_the_list_has_sixty_edits_of_four_kinds():
    listed = cases()

    assert len(listed) == len(set(listed)) == 60
    assert {
        kind: sum(case.kind == kind for case in listed) for kind in {case.kind for case in listed}
    } == dict.fromkeys(("colour", "background", "style", "one of two"), 15)
    assert all(case.word in case.new and case.old != case.new for case in listed)


def test_a_liar_is_found_out():
    judge = EditJudge(PictureEncoder.load(Path(__file__).with_name("judge")))
    colour, ground = (EditCase(kind, "", "", "green") for kind in ("colour", "background"))
    before, painted = disc("red", "white"), disc("green", "white")

    assert judge.is_there([colour], painted) == [True] and judge.is_there([colour], before) == [False]
    assert judge.is_there([ground], disc("red", "green")) == [True] and judge.is_there([ground], before) == [False]
    assert judge.is_kept([colour], before, painted) == [True]
    assert judge.is_kept([colour], before, disc("green", "white", 0.3)) == [False]


def test_a_table_counts_every_kind_and_all():
    listed = [EditCase("colour", "", "", "red"), EditCase("style", "", "", "3d")]
    rows = table(listed, [True, True], [True, False])

    assert [(row.kind, row.there.right, row.kept.right, row.both.right) for row in rows] == [
        ("colour", 1, 1, 1), ("style", 1, 0, 0), ("all", 2, 1, 1),
    ]  # fmt: skip
