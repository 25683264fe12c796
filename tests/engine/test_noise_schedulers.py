"""Noise schedulers by the names other tools have for them, and each class in place of every other."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from engine.catalogue.catalogue import Catalogue
from engine.errors import ModelLoadFailed
from engine.loading.load import load
from engine.loading.loaded_model import _like
from engine.model_spec import FLOW_NOISE_SCHEDULERS, NOISE_SCHEDULERS
from engine.pipelines.sampler_names import SPACED, sampler_named
from engine.settings import EngineSettings, ModelSettings
from tests.engine.studio import Studio, ask

pytestmark = pytest.mark.filterwarnings("ignore")
SDE, KARRAS = {"algorithm_type": "sde-dpmsolver++"}, {"use_karras_sigmas": True}
NAMES = {
    "DPM++ 2M Karras": ("DPMSolverMultistepScheduler", KARRAS),
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", KARRAS),
    "DPM++ 2M SDE": ("DPMSolverMultistepScheduler", SDE),
    "DPM++ 2M SDE Karras": ("DPMSolverMultistepScheduler", SDE | KARRAS),
    "dpmpp_2m_sde": ("DPMSolverMultistepScheduler", SDE),
    "DPM++ 2M SDE Exponential": ("DPMSolverMultistepScheduler", SDE | {"use_exponential_sigmas": True}),
    "DPM++ SDE Karras": ("DPMSolverSinglestepScheduler", KARRAS),
    "Euler a": ("EulerAncestralDiscreteScheduler", {}),
    "k_euler_ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "DPM2 a Karras": ("KDPM2AncestralDiscreteScheduler", KARRAS),
    "UniPC": ("UniPCMultistepScheduler", {}),
    "PLMS": ("PNDMScheduler", {}),
    "HeunDiscreteScheduler": ("HeunDiscreteScheduler", {}),
}
OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "PNDM": ("PNDMScheduler", {"skip_prk_steps": True}),
    "DPM++ 2M": ("DPMSolverMultistepScheduler", {}),
    "DPM++ 2M SDE Karras": ("DPMSolverMultistepScheduler", SDE | KARRAS),
    "DPM++ SDE": ("DPMSolverSinglestepScheduler", SDE),
    "DPM SDE": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver", "final_sigmas_type": "sigma_min"}),
    "Heun, exponential betas": ("HeunDiscreteScheduler", {"beta_schedule": "exp"}),
    "DDPM, sigmoid betas": ("DDPMScheduler", {"beta_schedule": "sigmoid"}),
    "zero SNR": ("EulerDiscreteScheduler", {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}),
}


@pytest.mark.parametrize(("name", "meant"), NAMES.items(), ids=NAMES)
def test_the_names_of_other_tools_are_understood(name: str, meant: tuple[str, dict[str, Any]]) -> None:
    sampler = sampler_named(name, NOISE_SCHEDULERS)
    assert sampler is not None
    assert (sampler.noise_scheduler, dict(sampler.options)) == meant


def test_a_model_of_flow_matching_is_given_its_own_kind() -> None:
    sampler = sampler_named("Euler", FLOW_NOISE_SCHEDULERS)
    assert sampler is not None and sampler.noise_scheduler == "FlowMatchEulerDiscreteScheduler"


@pytest.mark.parametrize("name", ["", "Karras", "os.system", "Euler a Karras", "DPM++ 3M SDE", "UNet2DConditionModel"])
def test_other_names_are_not(name: str) -> None:
    assert sampler_named(name, NOISE_SCHEDULERS) is None


def test_what_can_be_spaced_is_what_diffusers_can_space() -> None:
    for name in {*NOISE_SCHEDULERS, *FLOW_NOISE_SCHEDULERS}:
        takes = inspect.signature(getattr(diffusers, name).__init__).parameters
        assert ({"use_karras_sigmas", "use_exponential_sigmas"} <= takes.keys()) == (name in SPACED), name


@pytest.mark.parametrize(("own", "options"), OWN.values(), ids=OWN)
@pytest.mark.parametrize("asked", NOISE_SCHEDULERS)
def test_each_stands_in_for_every_other(own: str, options: dict[str, Any], asked: str) -> None:
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    trained = getattr(diffusers, own)(**betas | options)
    chosen = _like(trained, getattr(diffusers, asked), {})
    assert torch.allclose(chosen.betas, trained.betas) or "rescale_betas_zero_snr" in options
    assert chosen.config.prediction_type == trained.config.prediction_type
    chosen.set_timesteps(5)
    sample = torch.randn(1, 4, 4, 4)
    for timestep in chosen.timesteps:
        chosen.scale_model_input(sample, timestep)
        sample = chosen.step(torch.zeros(1, 4, 4, 4), timestep, sample)[0]
    assert sample.isfinite().all()


def settings(folder: Path, noise_scheduler: str) -> EngineSettings:
    mine = ModelSettings(source=str(folder), noise_scheduler=noise_scheduler)
    return EngineSettings(default_model="mine", models={"mine": mine}, safety=False)


def test_a_hosts_choice_is_what_its_name_says_and_nobody_elses(family_folder: Callable[[str], Path]) -> None:
    chosen = settings(family_folder("stable-diffusion"), "DPM++ 2M SDE Karras")
    model = load(Catalogue(chosen).spec(), "cpu", settings=chosen)
    for asked in (None, "DPMSolverMultistepScheduler"):
        mine = model.pipeline("text_to_image", asked).scheduler
        assert type(mine) is diffusers.DPMSolverMultistepScheduler
        assert (mine.config.algorithm_type, mine.config.use_karras_sigmas) == ("sde-dpmsolver++", True)
    other = model.pipeline("text_to_image", "DEISMultistepScheduler").scheduler
    assert (other.config.algorithm_type, other.config.use_karras_sigmas) == ("deis", False)


@pytest.mark.parametrize("name", ["DPM++ 3M SDE", "FlowMatchEulerDiscreteScheduler", "UNet2DConditionModel"])
def test_an_unusable_noise_scheduler_is_refused_naming_usable(family_folder: Callable[[str], Path], name: str) -> None:
    chosen = settings(family_folder("stable-diffusion"), name)
    with pytest.raises(ModelLoadFailed, match=r"'mine'.*noise_scheduler.*DDIMScheduler"):
        Catalogue(chosen).spec()


def test_a_flow_model_with_a_general_solver_keeps_to_flow(family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(family_folder("sana"), tmp_path / "sana")
    index = json.loads((folder / "model_index.json").read_text())
    own = diffusers.DPMSolverMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0)
    own.save_pretrained(folder / "scheduler")
    scheduler = ["diffusers", "DPMSolverMultistepScheduler"]
    (folder / "model_index.json").write_text(json.dumps(index | {"scheduler": scheduler}))
    studio = Studio(folder)
    assert set(studio.model.spec.noise_schedulers) == set(FLOW_NOISE_SCHEDULERS)
    euler = studio.model.pipeline("text_to_image", "FlowMatchEulerDiscreteScheduler").scheduler
    assert euler.config.shift == 3.0
    for name in FLOW_NOISE_SCHEDULERS:
        assert studio.draw(ask(noise_scheduler=name, num_images=1, width=32, height=32))
