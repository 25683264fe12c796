"""What other tools call noise schedulers ("DPM++ 2M Karras"), in diffusers' classes and options. Torch-free.

The correspondence is that of diffusers' documentation (Schedulers, "k-diffusion").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
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
