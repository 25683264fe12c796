from __future__ import annotations

from typing import Any

import pytest

from engine.pipelines.sampler_names import sampler_name


@pytest.mark.parametrize(
    ("noise_scheduler", "config", "name"),
    [
        (
            "DPMSolverMultistepScheduler",
            {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True},
            "DPM++ 2M Karras",
        ),
        ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}, "DPM++ 2M SDE"),
        ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 3}, "DPM++ 3M"),
        ("DPMSolverSinglestepScheduler", {"algorithm_type": "dpmsolver++"}, "DPM++ 2S"),
        ("EulerAncestralDiscreteScheduler", {}, "Euler a"),
        ("EulerDiscreteScheduler", {"use_exponential_sigmas": True}, "Euler Exponential"),
        ("FlowMatchEulerDiscreteScheduler", {"use_beta_sigmas": True}, "Euler Beta"),
        ("KDPM2AncestralDiscreteScheduler", {"use_karras_sigmas": True}, "DPM2 a Karras"),
        ("PNDMScheduler", {"skip_prk_steps": True}, "PLMS"),
        ("EDMEulerScheduler", {"sigma_schedule": "karras"}, "Euler Karras"),
        ("BrandNewScheduler", {}, "BrandNew"),
        ("", {}, ""),
    ],
)
def test_samplers_are_called_what_others_call_them(noise_scheduler: str, config: dict[str, Any], name: str) -> None:
    assert sampler_name(noise_scheduler, config) == name
