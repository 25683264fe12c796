"""Which attention kernels a model may use on a device: what the setting `attention` says, as far as it can be had."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false
# (diffusers has hardly any types, and its public way to ask sets the kernel of all models for a while)

from __future__ import annotations

import logging
import re

import torch
from torch import nn

from engine.batching.attention_kernels import NATIVE, choose_attention
from engine.batching.forward import is_out_of_memory
from engine.errors import ModelLoadFailed
from engine.settings import EngineSettings

logger = logging.getLogger(__name__)

AUTO, OFF = "auto", ("off", NATIVE)
OF_THEMSELVES = ("_flash_3", "flash", "xformers")
"""What "auto" tries where it is installed: packages that somebody installed for the sake of attention, and that compute
what torch computes. Kernels in 8 bits change pictures, and torch chooses among its own kernels itself."""
_FROM_HUB, _TORCH = "_hub", "_native_"
_FOR_CUDA = ("_native_cudnn", "_native_efficient")
_PACKAGE = re.compile(r"Please install `([^`]+)`")


def attention_kernels(settings: EngineSettings, device: torch.device, dtype: torch.dtype) -> tuple[str, ...]:
    """The kernels that may compute attention here besides torch's own.

    Raises `ModelLoadFailed`, without a model's name, for a setting that cannot work.
    """
    asked = settings.attention
    if asked in OFF:
        return ()
    if asked == AUTO:
        if device.type != "cuda" or settings.deterministic:
            return ()
        return tuple(name for name in OF_THEMSELVES if not kernel_flaw(name, device, dtype)[0])
    if settings.deterministic:
        why = f'attention = "{asked}" and deterministic exclude each other: its first calls are computed by torch'
        raise ModelLoadFailed("", why, "remove one of the two")
    why, remedy = kernel_flaw(asked, device, dtype)
    if why:
        raise ModelLoadFailed("", f'attention = "{asked}" {why}', remedy)
    return (asked,)


def set_attention(
    denoisers: list[nn.Module], settings: EngineSettings, device: torch.device, dtype: torch.dtype
) -> None:
    """Let the denoisers of a model use those kernels. Raises as `attention_kernels` does."""
    kernels, is_asked = attention_kernels(settings, device, dtype), settings.attention != AUTO
    for denoiser in denoisers:
        if choose_attention(denoiser, kernels, is_asked=is_asked) is None and kernels and is_asked:
            logger.info("%s: attention stays torch's own, its family has no choice", type(denoiser).__name__)


def kernel_flaw(name: str, device: torch.device, dtype: torch.dtype) -> tuple[str, str]:
    """Why a kernel cannot be used on this machine, and the way out; ("", "") where it can."""
    from diffusers.models.attention_dispatch import AttentionBackendName, _check_attention_backend_requirements

    known = [each.value for each in AttentionBackendName if _FROM_HUB not in each.value]
    if _FROM_HUB in name:
        return "is code of the model hub, which Darkroom never runs", 'name the kernel of an installed package: "flash"'
    if name not in known:
        return "is none of the kernels that diffusers knows", f'use "auto", "off" or one of {", ".join(known)}'
    try:
        _check_attention_backend_requirements(AttentionBackendName(name))
    except RuntimeError as error:
        package = _PACKAGE.search(str(error))
        remedy = f"pip install '{package[1]}'" if package else str(error).partition(". ")[2] or 'use "auto"'
        return "needs a package that is missing or too old", remedy
    why = _trial_flaw(name, device, dtype)
    return why, 'use "auto"' if why else ""


def _trial_flaw(name: str, device: torch.device, dtype: torch.dtype) -> str:
    """Why the kernel cannot compute on the device, "" where it can."""
    from diffusers.models.attention_dispatch import AttentionBackendName, dispatch_attention_fn

    if name.startswith(_TORCH):  # not tried: torch chooses among them by a switch for the process, in which others draw
        return "" if device.type == "cuda" or name not in _FOR_CUDA else f"cannot compute on {device}, only on CUDA"
    kernel, format_ = AttentionBackendName(name), str(dtype).removeprefix("torch.")
    try:
        tokens = torch.ones(1, 128, 2, 64, device=device, dtype=dtype)
        dispatch_attention_fn(tokens, tokens, tokens, backend=kernel).float().sum().item()
    except Exception as error:  # a foreign kernel raises what it likes: that is the answer
        if is_out_of_memory(error):
            raise
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        return f"cannot compute {format_} on {device}: {said[:200]}"
    return ""
