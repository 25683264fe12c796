"""The price on a button is the estimate of what it asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.commands.buttons.derive_buttons import DERIVED
from bot.domain.model import Cell, Job, Options, Verb
from bot.domain.prompting.derivation import derive
from bot.domain.prompting.engine_requests import Asker, Sources, Wording
from bot.domain.quotas.button_prices import PriceList
from bot.domain.quotas.cost_estimates import CostClass, Timing, expected_ms
from bot.ui.content.custom_ids import Act
from engine import EngineSettings
from engine.catalogue.catalogue import Catalogue
from engine.catalogue.sizes import fit_area, result_size
from tests.bot.scripted import a_job, png_of

CATALOGUE = Catalogue(EngineSettings(cutout=Path("segformer")))
KNOWN = [
    Timing(CostClass("pocket", "text_to_image", 32, 12), 100.0),
    Timing(CostClass("pocket", "upscale_subtle", 32, 1), 30.0),
]


class Known:
    async def of_model(self, model: str) -> list[Timing]:
        return KNOWN

    async def learn(self, cost_class: CostClass, ms_per_image: float) -> None: ...


def size(model: str, aspect: tuple[int, int]) -> tuple[int, int]:
    return fit_area(aspect, CATALOGUE.spec(model))


def drawn(job: Job, spec, sources: Sources) -> tuple[Job, Cell]:
    """The job of that spec as it is when it was drawn, and one of its cells."""
    request, _ = CATALOGUE.resolve(Wording().request(spec, sources, size, Asker(), "pocket"))
    recipe = {"width": request.width, "height": request.height, "num_inference_steps": request.num_inference_steps}
    width, height = result_size(request)
    cell = Cell(job_id=job.id, cell=0, key="k", width=width, height=height, seed=1, sha256="", size_bytes=1)
    return job.model_copy(update={"spec": spec, "model": "pocket", "recipe": json.dumps(recipe)}), cell


@pytest.mark.parametrize("options", [{}, {"aspect": (3, 2)}, {"steps": 30, "stop": 50}])
@pytest.mark.parametrize("pans", [0, 1, 3])
async def test_it_is_what_the_job_is_expected_to_take(options: dict[str, object], pans: int) -> None:
    spec = a_job().spec.model_copy(update={"options": Options.model_validate({"prompt": "a red fox", **options})})
    job, cell = drawn(a_job(), spec, Sources())
    for _ in range(pans):
        spec = derive(job, Verb.PAN, 0, seed=1, pan=(0.0, 0.5, 0.0, 0.0))
        job, cell = drawn(job, spec, Sources(source=png_of(cell.width, cell.height)))
    prices = await PriceList(Known(), lambda name: CATALOGUE.spec(name).picture_steps)(job, cell)
    picture = png_of(cell.width, cell.height, "white")
    asked = [(verb, fields) for verb, fields in DERIVED.values()] + [(Verb.REGION, {"mask": "m"}), (Verb.EDIT, {})]
    for verb, fields in asked:
        wish = derive(job, verb, 0, seed=1, **fields)
        request = Wording().request(wish, Sources(source=picture, mask=picture), size, Asker(), "pocket")
        resolved, _ = CATALOGUE.resolve(request)
        assert prices[verb].ms == pytest.approx(expected_ms(resolved, KNOWN), rel=0.02), verb
    assert {DERIVED[act][0] for act in Act if act in DERIVED} | {Verb.REGION, Verb.EDIT} == set(prices)
