"""What a worker imports before its first picture: that is most of the time until somebody sees one."""

import json
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


BEGUN = """
from engine.processes.late_imports import hold_back
hold_back()
import diffusers, json, os, sys, traceback, torch
for name, code in json.load(sys.stdin).items():
    if not (child := os.fork()):
        try:
            print(name, end=": ")
            exec(code)
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        os._exit(0)
    os.waitpid(child, 0)
"""
"""Runs each code of its input in a fork of one process that has imported diffusers, and no more."""

CODES = {
    "what is compiled later brings the compiler": """
from diffusers.models.attention import BasicTransformerBlock
double = torch.compile(lambda x: x * 2, backend="eager")
print(double(torch.ones(1)).item(), torch._dynamo.__file__ is not None, end=" ")
from torch._dynamo.trace_rules import is_callable_allowed
from torch._dynamo.eval_frame import OptimizedModule
from diffusers.utils.torch_utils import is_compiled_module
print(is_callable_allowed(BasicTransformerBlock), is_compiled_module(torch.compile(torch.nn.Linear(1, 1))))
""",
    "other families find the real transformers": """
from diffusers import Flux2KleinPipeline, QwenImagePipeline, StableDiffusionXLPipeline, ZImagePipeline
import transformers
from transformers import AutoProcessor, PreTrainedModel, ProcessorMixin, Qwen3Config, Qwen3Model
sizes = dict(hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2)
encoder = Qwen3Model(Qwen3Config(head_dim=16, vocab_size=64, **sizes))
states = encoder(torch.ones(1, 3, dtype=torch.long)).last_hidden_state
print(isinstance(encoder, PreTrainedModel), states.shape[-1], sys.modules["transformers"].__file__ is not None)
""",
    "a noise scheduler of scipy's brings scipy": """
scheduler = diffusers.EulerDiscreteScheduler(use_beta_sigmas=True)
print("scipy.stats._distn_infrastructure" in sys.modules, end=" ")
scheduler.set_timesteps(5)
print(bool((scheduler.sigmas.diff() < 0).all()), "scipy.stats._distn_infrastructure" in sys.modules)
""",
} | {
    f"a LoRA brings peft, {number}": f"""
from diffusers.hooks.layerwise_casting import BaseTunerLayer as held_back
{first}
from peft.tuners.tuners_utils import BaseTunerLayer
from peft import LoraConfig
from peft.tuners.lora.layer import Linear
layer = Linear(torch.nn.Linear(2, 2), "default", LoraConfig(r=1), r=1)
print(issubclass(Linear, BaseTunerLayer), isinstance(layer, held_back), isinstance(1, held_back))
"""
    for number, first in enumerate(("from peft.tuners.lora.layer import LoraLayer", "import peft; peft.LoraConfig"), 1)
}
SAID = {
    "what is compiled later brings the compiler": "2.0 True True True",
    "other families find the real transformers": "True 32 True",
    "a noise scheduler of scipy's brings scipy": "False True True",
    "a LoRA brings peft, 1": "True True False",
    "a LoRA brings peft, 2": "True True False",
}


@pytest.fixture(scope="module")
def said() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGUN], input=json.dumps(CODES), capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize("name", CODES)
def test_what_was_held_back_comes(name: str, said: subprocess.CompletedProcess[str]) -> None:
    assert f"{name}: {SAID[name]}" in said.stdout.splitlines(), said.stderr
