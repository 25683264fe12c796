"""The setting `attention`: what cannot work is refused in one sentence, at the check and at load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.catalogue.catalogue import Catalogue
from engine.errors import ModelLoadFailed
from engine.loading import attention_setting
from engine.loading.attention_setting import attention_kernels
from engine.loading.load import load
from engine.processes.child_environment import worker_environment
from engine.settings import EngineSettings, ModelSettings
from engine.trial.trial import Verdict, try_out
from engine.trial.trial_run import _attention
from tests.engine.attention_stand_ins import StandIn, install
from tests.engine.local_worker import LocalWorker
from tests.engine.trials_here import trials_here as trials_here

pytestmark = pytest.mark.filterwarnings("ignore")
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
REFUSED = {
    "flsh": ("is none of the kernels that diffusers knows", '"auto", "off" or one of flash, '),
    "flash_hub": ("is code of the model hub", '"flash"'),
    "flash": ("needs a package that is missing", "pip install 'flash-attn>=2.6.3'"),
    "sage": ("needs a package that is missing", "pip install 'sageattention>=2.1.1'"),
    "xformers": ("needs a package that is missing", "pip install 'xformers>=0.0.29'"),
    "_flash_3": ("needs a package that is missing", "build FA3"),
    "_native_cudnn": ("cannot compute on cpu, only on CUDA", 'use "auto"'),
}


def settings(folder: Path, attention: str, **more: object) -> EngineSettings:
    models = {"mine": ModelSettings(source=str(folder))}
    return EngineSettings(attention=attention, models=models, devices=("cpu",), safety=False, **more)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_with_the_way_out(name: str, family_folder: Callable[[str], Path]) -> None:
    chosen, (why, remedy) = settings(family_folder("flux"), name), REFUSED[name]
    with pytest.raises(ModelLoadFailed) as refused:
        load(Catalogue(chosen).spec("mine"), "cpu", chosen)
    assert refused.value.model == "mine" and f'attention = "{name}" {why}' in refused.value.why
    assert remedy in refused.value.remedy and "\n" not in str(refused.value)
    verdict = _attention(chosen)
    assert (verdict.found, verdict.remedy) == (refused.value.why, refused.value.remedy)


@pytest.mark.usefixtures("trials_here")
def test_the_check_says_it_once_and_goes_on(family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    chosen = settings(family_folder("flux"), "flash", models_dir=tmp_path)
    verdicts = {each.name: each for each in asyncio.run(try_out(chosen, ("mine",)))}
    assert "flash-attn" in verdicts["attention"].remedy
    assert not verdicts["model mine"].remedy, "the model itself is whole"


def test_a_kernel_that_the_device_cannot_run_is_refused(
    monkeypatch: pytest.MonkeyPatch, family_folder: Callable[[str], Path]
) -> None:
    install(monkeypatch, "flash", StandIn(breaks_at=0))
    with pytest.raises(ModelLoadFailed, match="cannot compute float32 on cpu: no kernel image is available;"):
        LocalWorker(family_folder("flux"), attention="flash")


def test_auto_takes_what_is_installed_and_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    assert attention_kernels(EngineSettings(), CUDA, torch.bfloat16) == (), "nothing is installed"
    install(monkeypatch, "sage", StandIn())
    install(monkeypatch, "flash", StandIn())
    monkeypatch.setattr(attention_setting, "_trial_flaw", lambda *_: "")
    assert attention_kernels(EngineSettings(), CUDA, torch.bfloat16) == ("flash",)
    assert attention_kernels(EngineSettings(), CPU, torch.float32) == ()
    assert attention_kernels(EngineSettings(attention="off"), CUDA, torch.bfloat16) == ()
    monkeypatch.setattr(attention_setting, "_trial_flaw", lambda *_: "cannot compute")
    assert attention_kernels(EngineSettings(), CUDA, torch.bfloat16) == ()


def test_fixed_shapes_mean_the_same_bits_at_all_times() -> None:
    assert attention_kernels(EngineSettings(deterministic=True), CUDA, torch.bfloat16) == ()
    with pytest.raises(ModelLoadFailed, match="exclude each other"):
        attention_kernels(EngineSettings(deterministic=True, attention="_native_math"), CPU, torch.float32)


def test_the_check_tells_what_computes_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _attention(EngineSettings(devices=("cpu",))) == Verdict("attention", "torch's own")
    install(monkeypatch, "sage", StandIn())
    assert "changes pictures" in _attention(EngineSettings(devices=("cpu",), attention="sage")).found
    assert "proved equal" in _attention(EngineSettings(devices=("cpu",), attention="_native_math")).found


def test_diffusers_own_variable_does_not_go_past_the_setting() -> None:
    here = {"DIFFUSERS_ATTN_BACKEND": "flash", "DIFFUSERS_ATTN_CHECKS": "1"}
    handed = worker_environment(EngineSettings(), "cpu", here)
    assert "DIFFUSERS_ATTN_BACKEND" not in handed and handed["DIFFUSERS_ATTN_CHECKS"] == "1"
