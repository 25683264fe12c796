"""What other tools call noise schedulers ("DPM++ 2M Karras", "Euler a"), and diffusers' classes. Torch-free.

Both ways: `sampler_named` reads a name, `sampler_name` writes one. Names are stable-diffusion-webui's, by the table in
diffusers' documentation (Schedulers, "k-diffusion and A1111").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_SDE = {"algorithm_type": "sde-dpmsolver++"}
_CALLED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "dpm++2m": ("DPMSolverMultistepScheduler", {}),
    "dpm++2msde": ("DPMSolverMultistepScheduler", _SDE),
    "dpm++sde": ("DPMSolverSinglestepScheduler", {}),
    "dpm2": ("KDPM2DiscreteScheduler", {}),
    "dpm2a": ("KDPM2AncestralDiscreteScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "eulera": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "plms": ("PNDMScheduler", {}),
    "pndm": ("PNDMScheduler", {}),
    "tcd": ("TCDScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
}
_SCHEDULES = {"karras": "use_karras_sigmas", "exponential": "use_exponential_sigmas"}
SPACED = frozenset(
    {
        "DEISMultistepScheduler",
        "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler",
        "EulerDiscreteScheduler",
        "FlowMatchEulerDiscreteScheduler",
        "FlowMatchLCMScheduler",
        "HeunDiscreteScheduler",
        "KDPM2AncestralDiscreteScheduler",
        "KDPM2DiscreteScheduler",
        "UniPCMultistepScheduler",
    }
)
"""Classes whose sigmas can be spaced as Karras et al. (arXiv 2206.00364) or exponentially."""
_WORDS = re.compile(f"(?:k_)?(.+?)[ _-]*({'|'.join(_SCHEDULES)})?")


@dataclass(frozen=True, slots=True)
class Sampler:
    """A noise scheduler's class in diffusers, and the options that make it what was named."""

    noise_scheduler: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


def sampler_named(name: str, known: Collection[str]) -> Sampler | None:
    """The one of the `known` classes that is meant; None where none is. A class's own name means itself.

    Where only the flow matching kind of a class is known, that is meant.
    """
    if name in known:
        return Sampler(name)
    words = _WORDS.fullmatch(name.strip().lower())
    called = re.sub(r"[ _-]", "", words[1].replace("pp", "++").replace("ancestral", "a")) if words else ""
    if not words or called not in _CALLED:
        return None
    plain, options = _CALLED[called]
    found = next((each for each in (plain, f"FlowMatch{plain}") if each in known), None)
    if found is None or (words[2] and found not in SPACED):
        return None
    return Sampler(found, {**options, **({_SCHEDULES[words[2]]: True} if words[2] else {})})


_CALLED_BY_OTHERS: Mapping[str, str] = MappingProxyType(
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
            return _CALLED_BY_OTHERS.get(noise_scheduler) or re.sub("Scheduler$", "", noise_scheduler)
