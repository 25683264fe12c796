"""What libraries say of their own plans stays out of a worker's log."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import torch
from diffusers.pipelines.t2i_adapter.pipeline_stable_diffusion_adapter import StableDiffusionAdapterPipeline

from engine.loading.load import quiet


def test_coming_changes_of_diffusers_are_not_told() -> None:
    vae = SimpleNamespace(config=SimpleNamespace(scaling_factor=1.0), decode=lambda latents, **_: (latents,))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        quiet()
        StableDiffusionAdapterPipeline.decode_latents(SimpleNamespace(vae=vae), torch.zeros(1, 3, 8, 8))  # type: ignore[arg-type]
        assert told == []
        warnings.warn("of our own", FutureWarning, stacklevel=1)
        assert len(told) == 1
