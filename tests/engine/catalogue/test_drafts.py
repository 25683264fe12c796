"""Drafts: small, quick, in the shape that was asked for."""

from __future__ import annotations

from engine.catalogue.catalogue import Catalogue
from engine.requests import ImageRequest
from engine.settings import EngineSettings


def resolved(**fields: object) -> ImageRequest:
    return Catalogue(EngineSettings()).resolve(ImageRequest(prompt="a fox", draft=True, **fields))[0]  # type: ignore[arg-type]


def test_a_draft_is_small_quick_and_foretold() -> None:
    draft = resolved(num_images=24)
    assert (draft.width, draft.height, draft.num_inference_steps, draft.step_cache) == (192, 192, 4, "fast")


def test_what_is_asked_for_wins_over_what_a_draft_would_take() -> None:
    draft = resolved(num_inference_steps=9, step_cache="off")
    assert (draft.num_inference_steps, draft.step_cache) == (9, "off")


def test_the_shape_is_kept_and_a_draft_of_a_draft_is_no_smaller() -> None:
    wide = resolved(width=320, height=192)
    assert wide.width is not None and wide.height is not None and wide.width > wide.height
    again = resolved(width=wide.width, height=wide.height)
    assert (again.width, again.height) == (wide.width, wide.height)
