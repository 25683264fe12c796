"""What a worker imports before its first picture: that is most of the time until somebody sees one."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine import Engine, EngineSettings, ImageRequest
from tests.engine import telling_worker
from tests.engine.fake_worker_engine import finished, importable_by_workers

LATE = ("torch._dynamo.", "torch._inductor.", "peft.", "aiohttp")
"""Beginnings of names; torch's own package of the compiler is there as a stand-in."""
HARMLESS = {"torch._dynamo._trace_wrapped_higher_order_op"}


async def test_a_first_picture_needs_no_compiler_and_no_peft(tmp_path: Path) -> None:
    with importable_by_workers():
        settings = EngineSettings(devices=("cpu",), threads=1, models_dir=tmp_path, default_model="pocket")
        async with Engine(settings, entry="telling_worker:main") as engine:
            await finished(engine, ImageRequest(prompt="a red apple", num_inference_steps=1, num_images=1))
    imported = (tmp_path / telling_worker.TOLD).read_text().split()
    assert "engine.worker.tick_loop" in imported
    assert [name for name in imported if name.startswith(LATE) and name not in HARMLESS] == []


def run(code: str) -> str:
    held_back = f"from engine.worker.late_imports import hold_back\nhold_back()\nimport diffusers, sys, torch\n{code}"
    done = subprocess.run([sys.executable, "-c", held_back], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_is_compiled_later_brings_the_compiler() -> None:
    code = """
from diffusers.models.attention import BasicTransformerBlock
double = torch.compile(lambda x: x * 2, backend="eager")
print(double(torch.ones(1)).item(), torch._dynamo.__file__ is not None)
from torch._dynamo.trace_rules import is_callable_allowed
from torch._dynamo.eval_frame import OptimizedModule
from diffusers.utils.torch_utils import is_compiled_module
print(is_callable_allowed(BasicTransformerBlock), is_compiled_module(torch.compile(torch.nn.Linear(1, 1))))
"""
    assert run(code).split() == ["2.0", "True", "True", "True"]


@pytest.mark.parametrize("first", ["from peft.tuners.lora.layer import LoraLayer", "import peft; peft.LoraConfig"])
def test_a_lora_brings_peft(first: str) -> None:
    code = f"""
from diffusers.hooks.layerwise_casting import BaseTunerLayer as held_back
{first}
from peft.tuners.tuners_utils import BaseTunerLayer
from peft import LoraConfig
from peft.tuners.lora.layer import Linear
layer = Linear(torch.nn.Linear(2, 2), "default", LoraConfig(r=1), r=1)
print(issubclass(Linear, BaseTunerLayer), isinstance(layer, held_back), isinstance(1, held_back))
"""
    assert run(code).split() == ["True", "True", "False"]


def test_other_families_find_the_real_transformers() -> None:
    code = """
from diffusers import Flux2KleinPipeline, QwenImagePipeline, StableDiffusionXLPipeline, ZImagePipeline
import transformers
from transformers import AutoProcessor, PreTrainedModel, ProcessorMixin, Qwen3Config, Qwen3Model
sizes = dict(hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2)
encoder = Qwen3Model(Qwen3Config(head_dim=16, vocab_size=64, **sizes))
states = encoder(torch.ones(1, 3, dtype=torch.long)).last_hidden_state
print(isinstance(encoder, PreTrainedModel), states.shape[-1], sys.modules["transformers"].__file__ is not None)
"""
    assert run(code).split() == ["True", "32", "True"]


def test_a_noise_scheduler_of_scipys_brings_scipy() -> None:
    code = """
scheduler = diffusers.EulerDiscreteScheduler(use_beta_sigmas=True)
print("scipy.stats._distn_infrastructure" in sys.modules)
scheduler.set_timesteps(5)
print(bool((scheduler.sigmas.diff() < 0).all()), "scipy.stats._distn_infrastructure" in sys.modules)
"""
    assert run(code).split() == ["False", "True", "True"]
