"""What other tools call a noise scheduler: "DPM++ 2M Karras", "Euler a". Torch-free.

Names: stable-diffusion-webui's, by the table in diffusers' documentation ("Schedulers", k-diffusion and A1111).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "DDIMScheduler": "DDIM",
        "DDPMScheduler": "DDPM",
        "DEISMultistepScheduler": "DEIS",
        "DPMSolverSDEScheduler": "DPM++ SDE",
        "EDMDPMSolverMultistepScheduler": "DPM++ 2M",
        "EDMEulerScheduler": "Euler",
        "EulerAncestralDiscreteScheduler": "Euler a",
        "EulerDiscreteScheduler": "Euler",
        "FlowMatchEulerDiscreteScheduler": "Euler",
        "FlowMatchHeunDiscreteScheduler": "Heun",
        "FlowMatchLCMScheduler": "LCM",
        "HeunDiscreteScheduler": "Heun",
        "IPNDMScheduler": "iPNDM",
        "KDPM2AncestralDiscreteScheduler": "DPM2 a",
        "KDPM2DiscreteScheduler": "DPM2",
        "LCMScheduler": "LCM",
        "LMSDiscreteScheduler": "LMS",
        "SASolverScheduler": "SA-Solver",
        "TCDScheduler": "TCD",
        "UniPCMultistepScheduler": "UniPC",
    }
)
_SPACINGS = (
    ("use_karras_sigmas", "Karras"),
    ("use_exponential_sigmas", "Exponential"),
    ("use_beta_sigmas", "Beta"),
)


def sampler_name(noise_scheduler: str, config: Mapping[str, Any]) -> str:
    """The field's name for a diffusers class with this configuration, its schedule behind it; "" for no class."""
    spacing = next((name for key, name in _SPACINGS if config.get(key)), "")
    if config.get("sigma_schedule") in ("karras", "exponential"):  # EDM's
        spacing = str(config["sigma_schedule"]).title()
    return f"{_solver(noise_scheduler, config)} {spacing}".strip()


def _solver(noise_scheduler: str, config: Mapping[str, Any]) -> str:
    order, kind = config.get("solver_order", 2), str(config.get("algorithm_type", ""))
    match noise_scheduler:
        case "DPMSolverMultistepScheduler" | "DPMSolverSinglestepScheduler":
            steps = "M" if noise_scheduler == "DPMSolverMultistepScheduler" else "S"
            plus, noise = "++" if kind.endswith("++") else "", " SDE" if kind.startswith("sde") else ""
            return f"DPM{plus} {order}{steps}{noise}"
        case "PNDMScheduler":
            return "PLMS" if config.get("skip_prk_steps") else "PNDM"
        case _:
            return _NAMES.get(noise_scheduler) or re.sub("Scheduler$", "", noise_scheduler)
