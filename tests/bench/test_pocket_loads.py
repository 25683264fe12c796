"""How long the built-in model takes to load in stock diffusers. `make speed`."""

from __future__ import annotations

import time

import pytest
from diffusers import StableDiffusionPipeline

from engine.pocket import WEIGHTS

pytestmark = pytest.mark.bench


def test_pocket_in_stock_diffusers() -> None:
    StableDiffusionPipeline.from_pretrained(WEIGHTS)  # imports, once
    began = time.process_time()
    StableDiffusionPipeline.from_pretrained(WEIGHTS)
    print(f"\npocket loads in {time.process_time() - began:.2f} s of processor time")
