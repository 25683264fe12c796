"""Tiny random-weight model folders of every family the engine is proved with.

Each folder is what `save_pretrained` writes: real configurations with few channels, weights drawn from a fixed seed,
tokenizers built on the spot. Nothing is downloaded.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers

from tests.engine.families import dits, masked, modular, parts, unets

PLAIN = {"use_resolution_binning": False, "clean_caption": False}
T2I, I2I, INPAINT = "text_to_image", "image_to_image", "inpaint"


@dataclass(frozen=True)
class Family:
    """One family: how to draw its folder, and how its pipelines are called."""

    name: str
    draw: Callable[[], diffusers.DiffusionPipeline]
    tasks: Mapping[str, str]
    """Task to the name of diffusers' pipeline class."""
    denoiser: str = "transformer"
    guidance: str = "guidance_scale"
    """The argument that switches classifier-free guidance on when it is above 1."""
    negative: bool = True
    """Whether a negative prompt goes with one generator for each cell (Kandinsky's prior doubles its batch for it)."""
    signed: bool = False
    """Whether its tensors of pictures are in [-1, 1]."""
    side: int = 64
    """Width and height that the tests draw."""
    call: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that the family always needs."""

    def pipeline(self, task: str = T2I) -> type:
        """The stock pipeline class of `task`."""
        return getattr(diffusers, self.tasks[task])

    def load(self, folder: Path, task: str = T2I) -> Any:
        """The stock pipeline of `task` from the family's folder."""
        pipeline = self.pipeline(task).from_pretrained(folder)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "stable-diffusion",
            unets.stable_diffusion,
            {
                T2I: "StableDiffusionPipeline",
                I2I: "StableDiffusionImg2ImgPipeline",
                INPAINT: "StableDiffusionInpaintPipeline",
            },
            "unet",
        ),
        Family(
            "stable-diffusion-xl",
            unets.stable_diffusion_xl,
            {
                T2I: "StableDiffusionXLPipeline",
                I2I: "StableDiffusionXLImg2ImgPipeline",
                INPAINT: "StableDiffusionXLInpaintPipeline",
            },
            "unet",
        ),
        Family(
            "stable-diffusion-xl-inpaint",
            unets.stable_diffusion_xl_inpaint,
            {INPAINT: "StableDiffusionXLInpaintPipeline"},
            "unet",
        ),
        Family(
            "latent-consistency",
            unets.latent_consistency,
            {T2I: "LatentConsistencyModelPipeline", I2I: "LatentConsistencyModelImg2ImgPipeline"},
            "unet",
        ),
        Family(
            "kandinsky-2.2",
            unets.kandinsky,
            {
                T2I: "KandinskyV22CombinedPipeline",
                I2I: "KandinskyV22Img2ImgCombinedPipeline",
            },
            "unet",
            negative=False,
            signed=True,
        ),
        Family(
            "kandinsky-2.2-inpaint",
            unets.kandinsky_inpaint,
            {INPAINT: "KandinskyV22InpaintCombinedPipeline"},
            "unet",
            negative=False,
            signed=True,
        ),
        Family(
            "deepfloyd-if",
            unets.deepfloyd,
            {T2I: "IFPipeline", I2I: "IFImg2ImgPipeline", INPAINT: "IFInpaintingPipeline"},
            "unet",
            side=16,
            call={"clean_caption": False},
            signed=True,
        ),
        Family(
            "stable-diffusion-3",
            dits.stable_diffusion_3,
            {
                T2I: "StableDiffusion3Pipeline",
                I2I: "StableDiffusion3Img2ImgPipeline",
                INPAINT: "StableDiffusion3InpaintPipeline",
            },
        ),
        Family(
            "flux",
            dits.flux,
            {T2I: "FluxPipeline", I2I: "FluxImg2ImgPipeline", INPAINT: "FluxInpaintPipeline"},
            guidance="true_cfg_scale",
        ),
        Family(
            "flux2-klein",
            dits.flux2_klein,
            {T2I: "Flux2KleinPipeline", I2I: "Flux2KleinPipeline", INPAINT: "Flux2KleinInpaintPipeline"},
        ),
        Family(
            "z-image",
            dits.z_image,
            {T2I: "ZImagePipeline", I2I: "ZImageImg2ImgPipeline", INPAINT: "ZImageInpaintPipeline"},
        ),
        Family(
            "qwen-image",
            dits.qwen_image,
            {T2I: "QwenImagePipeline", I2I: "QwenImageImg2ImgPipeline", INPAINT: "QwenImageInpaintPipeline"},
            guidance="true_cfg_scale",
        ),
        Family("sana", masked.sana, {T2I: "SanaPipeline"}, call=PLAIN),
        Family("pixart-sigma", masked.pixart_sigma, {T2I: "PixArtSigmaPipeline"}, call=PLAIN),
        Family("lumina2", masked.lumina2, {T2I: "Lumina2Pipeline"}),
        Family(
            "chroma",
            masked.chroma,
            {T2I: "ChromaPipeline", I2I: "ChromaImg2ImgPipeline"},
        ),
        Family("aura-flow", masked.aura_flow, {T2I: "AuraFlowPipeline"}),
        Family("cogview4", masked.cogview4, {T2I: "CogView4Pipeline"}),
        Family("hunyuan-dit", masked.hunyuan_dit, {T2I: "HunyuanDiTPipeline"}, call={"use_resolution_binning": False}),
        Family("hunyuan-image", masked.hunyuan_image, {T2I: "HunyuanImagePipeline"}, guidance=""),
        Family("anima", modular.anima, {T2I: "AnimaModularPipeline", I2I: "AnimaModularPipeline"}, guidance=""),
    )
}


def folder(name: str, cache: Path) -> Path:
    """The folder of family `name` below `cache`, drawn at the first call; safe among parallel test processes.

    From then on the family's pipelines pad their prompts to fewer tokens.
    """
    for pipeline in {*FAMILIES[name].tasks.values()}:
        parts.shorten_texts(getattr(diffusers, pipeline))
    target = cache / name
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=cache))
    draw(FAMILIES[name]).save_pretrained(str(scratch), safe_serialization=True)
    with contextlib.suppress(OSError):
        scratch.rename(target)
    shutil.rmtree(scratch, ignore_errors=True)
    return target


def draw(family: Family) -> diffusers.DiffusionPipeline:
    """The family's pipeline in memory, every weight drawn from a fixed seed."""
    return parts.drawn(family.draw)
