from __future__ import annotations

import json
from dataclasses import asdict

from bot.domain.model import CellRef
from bot.ui.content.recipe_card import card, exactly
from engine.events import Recipe
from tests.bot.scripted import a_job

RECIPE = Recipe(
    model="sdxl", model_hash="abc", noise_scheduler="EulerDiscreteScheduler", num_inference_steps=28,
    guidance_scale=6.5, width=768, height=512, seed=7, device="cuda:0", dtype="float16", versions={"torch": "2.13"},
)  # fmt: skip


def test_the_card_says_all_it_takes() -> None:
    embed = card(a_job(recipe=json.dumps(asdict(RECIPE)), gpu_ms=4200.0), "https://discord.com/x")
    said = {field.name: field.value for field in embed.fields}
    assert said["Seed"] == "7" and said["Sampler"] == "EulerDiscreteScheduler" and said["Size"] == "768x512"
    assert said["GPU time"] == "4.2 s" and said["Versions"] == "torch 2.13" and "discord.com" in str(said["Made from"])
    assert len(embed) <= 6000
    assert "deterministic is off" in str(embed.footer.text), "what cannot be promised is not"


def test_a_job_without_a_recipe_still_has_a_card() -> None:
    assert {field.name for field in card(a_job()).fields} == {"Seed"}


def test_made_again_is_made_with_what_were_the_defaults_then() -> None:
    spec = exactly(a_job(recipe=json.dumps(asdict(RECIPE))))
    assert (spec.options.model, spec.options.steps, spec.options.guidance) == ("sdxl", 28, 6.5)
    assert (spec.width, spec.height, spec.seed) == (768, 512, 7)
    job = a_job(recipe=json.dumps(asdict(RECIPE)))
    derived = job.model_copy(update={"spec": job.spec.model_copy(update={"source": CellRef(job_id="x", cell=0)})})
    assert exactly(derived).width is None
