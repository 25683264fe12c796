"""`darkroom check` and the first picture agree: either both work, or both refuse in the same words."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bot.operation.checks import Finding, run_all
from bot.settings import Settings
from engine.catalogue.catalogue import Catalogue
from engine.errors import EngineError
from engine.loading.load import load
from engine.requests import ImageRequest
from engine.settings import EngineSettings, ModelSettings
from engine.trial.trial import try_out
from tests.engine.local_worker import LocalWorker, ask
from tests.engine.model_changes import (
    FIRST,
    UNET,
    WORDS,
    Make,
    at,
    based,
    both,
    checkpoint,
    filled,
    halved,
    index,
    indexed,
    linked,
    offered,
    renamed,
    sharded,
    tensors,
    tiny,
    without,
    written,
)
from tests.engine.single_files import pretend_pulled
from tests.engine.trials_here import trials_here as trials_here
from tests.engine.wrong_models import SAID

pytestmark = pytest.mark.filterwarnings("ignore")
WORKS: dict[str, Make] = {
    "as it should be": lambda _: None,
    "an index names a part too many": index(unet_2=["diffusers", "UNet2DConditionModel"]),
    "an index names an option too many": index(foo=True),
    "a safety checker that is not here": index(safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"]),
    "fp16 only": renamed("*.safetensors", ".fp16.safetensors"),
    "fp16 only, and a file without a suffix": both(
        renamed("*.safetensors", ".fp16.safetensors"), filled("unet/LICENSE", b"words")
    ),
    "bf16 for one part": renamed(UNET, ".bf16.safetensors"),
    "two variants": both(
        renamed("text_encoder/*.safetensors", ".non_ema.safetensors"), renamed("vae/*.safetensors", ".fp16.safetensors")
    ),
    "fp16 in shards": sharded(),
    "a part behind a link": linked("unet"),
    "weights behind a link": linked(UNET),
    "an index behind a link": linked("model_index.json"),
    "an index left behind beside a whole file": indexed,
    "a pickle beside a whole file": filled("unet/diffusion_pytorch_model.bin", b"never read"),
    "a text encoder with older names": tensors(WORDS, lambda whole: {f"text_model.{k}": v for k, v in whole.items()}),
    "a stray link to nothing": lambda folder: (folder / "other.safetensors").symlink_to("nowhere"),
    "a whole checkpoint beside it": filled("sd.safetensors", b"never read"),
    "DPM++ 2M Karras": offered(noise_scheduler="DPM++ 2M Karras"),
    "DPM++ 2M SDE Karras": offered(noise_scheduler="DPM++ 2M SDE Karras"),
    "SDE options of its own, another class": both(
        written("scheduler/scheduler_config.json", algorithm_type="sde-dpmsolver++"), offered(noise_scheduler="DEIS")
    ),
    "a tiny autoencoder": tiny(4),
    "a tiny autoencoder of other channels": tiny(16),
    "a tiny autoencoder that is none": offered(taesd="nowhere"),
    "one file": checkpoint(),
    "a UNet alone": both(
        checkpoint(lambda whole: {name: value for name, value in whole.items() if name.startswith("model.diffusion")}),
        based,
    ),
    "one file and a base": both(checkpoint(), based),
    "a UNet alone, as a pipeline's state": both(
        lambda folder: save_file(
            {f"unet.{k}": v for k, v in load_file(folder / UNET).items()}, folder / "one.safetensors"
        ),
        based,
    ),
    "another autoencoder": lambda folder: ModelSettings(source=str(folder), vae=str(folder / "vae")),
    "one file with markers": checkpoint(lambda whole: whole | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}),
}
REFUSED: dict[str, Make] = {
    "a part the class needs is not named": index(unet=...),
    "a tokenizer is not named": index(tokenizer=...),
    "no autoencoder": index(vae=[None, None]),
    "no noise scheduler": index(scheduler=[None, None]),
    "no denoiser": index(unet=[None, None]),
    "a class nobody has": index(unet=["diffusers", "NoSuchClass"]),
    "a class of transformers nobody has": index(text_encoder=["transformers", "NoSuchClass"]),
    "a noise scheduler nobody has": index(scheduler=["diffusers", "NoSuchScheduler"]),
    "a class of another kind": index(unet=["diffusers", "AutoencoderKL"]),
    "a pipeline nobody has": index(_class_name="NoSuchPipeline"),
    "a pipeline that makes films": index(_class_name="WanPipeline"),
    "a foreign library": index(unet=["subprocess", "Popen"]),
    "an index that is no JSON": filled("model_index.json", b"{"),
    "an index that is a list": filled("model_index.json", b"[]"),
    "no index": without("model_index.json"),
    "an index that links to nothing": linked("model_index.json", to_nothing=True),
    "a part is missing": without("text_encoder"),
    "a part links to nothing": linked("unet", to_nothing=True),
    "weights link to nothing": linked(UNET, to_nothing=True),
    "a configuration links to nothing": linked("unet/config.json", to_nothing=True),
    "a configuration is missing": without("unet/config.json"),
    "a configuration is no JSON": filled("vae/config.json", b"<html>"),
    "a noise scheduler's configuration is missing": without("scheduler/scheduler_config.json"),
    "no vocabulary": lambda folder: (
        [file.unlink() for file in (folder / "tokenizer").iterdir() if file.name != "tokenizer_config.json"] and None
    ),
    "weights are missing": without(UNET),
    "weights of another name": lambda folder: (folder / UNET).rename(folder / "unet/unet.safetensors") and None,
    "weights are cut short": halved(UNET),
    "weights are a page to log in": filled(UNET, b"<html>please log in</html>"),
    "weights are a pointer of Git LFS": filled(UNET, b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
    "weights are pickled": both(without(UNET), filled("unet/diffusion_pytorch_model.bin", b"pickle")),
    "weights of another width": tensors(UNET, lambda whole: whole | {"conv_in.weight": torch.zeros(8, 3, 3, 3)}),
    "a tensor is missing": tensors(UNET, lambda whole: {k: v for k, v in whole.items() if k != "conv_in.weight"}),
    "a shard is missing": sharded(lost=True),
    "shards without an index": sharded(unindexed=True),
    "a folder that is not there": at(lambda folder: folder / "nowhere"),
    "a file that is not there": at(lambda folder: folder / "nowhere.safetensors"),
    "an unknown user's home": at(lambda _: "~nobody-of-this-name/model"),
    "a folder that is a link to nothing": at(lambda folder: (folder / "l").symlink_to("nowhere") or folder / "l"),
    "a pickled file": both(filled("one.ckpt", b"pickle"), at(lambda folder: folder / "one.ckpt")),
    "a repository that was not pulled": at(lambda _: "hf:nobody/nothing"),
    "a preset that was not pulled": at(lambda _: "sdxl"),
    "a noise scheduler of no meaning": offered(noise_scheduler="DPM++ 9000"),
    "a noise scheduler of other models": offered(noise_scheduler="FlowMatchEulerDiscreteScheduler"),
    "a class that is no noise scheduler": offered(noise_scheduler="UNet2DConditionModel"),
    "a style adapter that is not there": offered(style_adapter="nowhere.safetensors"),
    "a LoRA for a model": both(
        lambda folder: save_file({"lora_unet.lora_down.weight": torch.zeros(4, 4)}, folder / "one.safetensors"),
        at(lambda folder: folder / "one.safetensors"),
    ),
    "one file without an autoencoder": checkpoint(
        lambda whole: {name: value for name, value in whole.items() if "first_stage" not in name}
    ),
    "one file that sees another picture": checkpoint(lambda whole: whole | {FIRST: torch.zeros(8, 8, 3, 3)}),
    "one file in an unknown packing": checkpoint(
        lambda whole: whole | {"x.weight": torch.zeros(4, 4, dtype=torch.int8)}
    ),
    "one file with half an autoencoder": checkpoint(
        lambda whole: {name: value for name, value in whole.items() if "decoder.conv_in" not in name}
    ),
    "one file of another family than its base": both(
        lambda folder: save_file({"layers.0.adaLN_modulation.0.weight": torch.zeros(4, 4)}, folder / "one.safetensors"),
        lambda folder: ModelSettings(source=str(folder / "one.safetensors"), base=str(folder)),
    ),
    "one file of a family without a preset": both(
        lambda folder: save_file(
            {"joint_transformer_blocks.0.attn.to_q.weight": torch.zeros(4)}, folder / "one.safetensors"
        ),
        at(lambda folder: folder / "one.safetensors"),
    ),
    "a GGUF that is none": both(filled("one.gguf", b"<html>"), at(lambda folder: folder / "one.gguf")),
    "a base for a folder": offered(base="sdxl"),
    "an autoencoder that is not there": offered(vae="nowhere"),
    "layers left out that are not there": offered(clip_skip=9),
    "a textual inversion that is a pickle": offered(embeddings={"soft": Path("soft.pt")}),
    "one file of another width": checkpoint(lambda whole: whole | {FIRST: torch.zeros(12, 4, 3, 3)}),
}
REFUSED |= {name: make for name, (make, _) in SAID.items()}
CASES = WORKS | REFUSED


class ConfiguredWorker(LocalWorker):
    """One of many models of a configuration."""

    def __init__(self, settings: EngineSettings, name: str) -> None:
        self.settings, self.catalogue, self.name = settings, Catalogue(settings), name

    def first_picture(self) -> str:
        """ "" where it is drawn, else what is said instead."""
        request = ask(model=self.name, width=64, height=64, num_inference_steps=2, num_images=1)
        try:
            self.catalogue.resolve(ImageRequest(prompt="x", model=self.name))
            self.model = load(self.catalogue.spec(self.name), "cpu", settings=self.settings)
        except EngineError as error:
            return str(error)
        (messages,) = self.run(request)
        return str(getattr(messages[-1], "error", ""))


@pytest.fixture(scope="module")
def settings(family_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> EngineSettings:
    base = tmp_path_factory.mktemp("models")
    models: dict[str, ModelSettings] = {}
    for name, make in CASES.items():
        folder = shutil.copytree(family_folder("stable-diffusion"), base / str(len(models)))
        chosen = make(folder)
        models[name] = chosen if isinstance(chosen, ModelSettings) else ModelSettings(source=str(folder))
    made = EngineSettings(models_dir=base / "pulled", models=models, safety=False)
    pretend_pulled(made, family_folder("stable-diffusion"))
    return made


@pytest.fixture(scope="module")
def findings(settings: EngineSettings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finding]:
    """One run of `darkroom check` over all of them."""
    found = asyncio.run(run_all(Settings(data_dir=tmp_path_factory.mktemp("data"), engine=settings)))
    return {finding.name: finding for finding in found}


def test_there_are_enough_of_them() -> None:
    assert len(REFUSED) >= 40


@pytest.mark.parametrize("name", CASES)
def test_check_says_what_the_first_picture_says(
    name: str, settings: EngineSettings, findings: dict[str, Finding]
) -> None:
    finding, said = findings[f"model {name}"], ConfiguredWorker(settings, name).first_picture()
    assert bool(said) == (name in REFUSED), said
    assert finding.is_well == (not said), finding
    assert not said or finding.found == said
    assert str(settings.models_dir.parent) not in said and said.count("\n") == 0
    if name in SAID:
        assert re.search(SAID[name][1], said), said


def test_previews_that_are_not_what_was_asked_for_are_told(findings: dict[str, Finding]) -> None:
    assert "previews of a tiny autoencoder" not in findings
    assert "16 channels" in findings["previews of a tiny autoencoder of other channels"].found
    assert findings["previews of a tiny autoencoder that is none"].remedy


@pytest.mark.usefixtures("trials_here")
def test_a_budget_that_cannot_hold_a_model_is_told_alike(family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    chosen = {"mine": ModelSettings(source=str(family_folder("stable-diffusion")))}
    settings = EngineSettings(models=chosen, models_dir=tmp_path, memory_budget_gb=1e-4)
    with pytest.raises(EngineError) as refused:
        load(Catalogue(settings).spec("mine"), "cpu", settings)
    (verdict,) = [each for each in asyncio.run(try_out(settings, ("mine",))) if each.name == "model mine"]
    assert verdict.found == str(refused.value) and "memory_budget_gb allows 0.0001 GB" in verdict.found
    assert verdict.remedy == "raise memory_budget_gb, or choose a smaller model or a smaller precision"
