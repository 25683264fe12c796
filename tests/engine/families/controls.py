"""Control networks of every class that draws here, small and random, beside the families they are for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import numpy
import torch
from diffusers import (
    ControlNetModel,
    ControlNetUnionModel,
    DiffusionPipeline,
    FluxControlNetModel,
    HunyuanDiT2DControlNetModel,
    QwenImageControlNetModel,
    SanaControlNetModel,
    SD3ControlNetModel,
    T2IAdapter,
    ZImageControlNetModel,
)
from safetensors.torch import save_file

from engine.model_spec import ModelSpec
from engine.operations.control import ControlInput
from engine.operations.draw import SMALLEST_TABLED_SIDE
from engine.operations.pixels import fitted
from engine.pictures.control_maps import edges, scribble
from engine.pictures.images import open_picture
from engine.pipelines.controls import LORA
from engine.requests import ImageRequest, ImageToImage
from tests.engine.families import parts
from tests.engine.style_adapters import load_adapter

_TINY = {"conditioning_embedding_out_channels": (4, 8, 8, 16)}


def _of_unet(base: Any) -> Any:
    return ControlNetModel.from_unet(base.unet, load_weights_from_unet=False, **_TINY)


def _union(base: Any) -> Any:
    known = {
        key: value for key, value in base.unet.config.items() if key in _taken(ControlNetUnionModel, base.unet.config)
    }
    small = {"num_trans_channel": 8, "num_trans_head": 2, "num_proj_channel": 8}
    return ControlNetUnionModel(**known | _TINY | small)


def _adapter(_: Any) -> Any:
    return T2IAdapter(1, [8, 16], 1, downscale_factor=16, adapter_type="full_adapter_xl")


def _adapter_xl(_: Any) -> Any:
    return T2IAdapter(3, [8, 16], 1, downscale_factor=16, adapter_type="full_adapter_xl")


def _sd3(base: Any) -> Any:
    known = {key: value for key, value in base.transformer.config.items() if not key.startswith("_")}
    known.pop("qk_norm", None)
    return SD3ControlNetModel(**{key: known[key] for key in _taken(SD3ControlNetModel, known)} | {"num_layers": 1})


def _flux(base: Any, **more: Any) -> Any:
    known = base.transformer.config
    return FluxControlNetModel(**{key: known[key] for key in _taken(FluxControlNetModel, known)}, **more)


def _flux_union(base: Any) -> Any:
    return _flux(base, num_mode=7)


def _z_image(_: Any) -> Any:
    return ZImageControlNetModel(
        [0], [0], 4, "control_noise_refiner", dim=32, n_refiner_layers=1, n_heads=2, n_kv_heads=2
    )


def _qwen(base: Any) -> Any:
    known = base.transformer.config
    return QwenImageControlNetModel(
        **{key: known[key] for key in _taken(QwenImageControlNetModel, known)} | {"num_layers": 1}
    )


def _hunyuan(base: Any) -> Any:
    known = base.transformer.config
    taken = {key: known[key] for key in _taken(HunyuanDiT2DControlNetModel, known)}
    return HunyuanDiT2DControlNetModel(**taken, transformer_num_layers=known["num_layers"])


def _sana(base: Any) -> Any:
    known = base.transformer.config
    return SanaControlNetModel(**{key: known[key] for key in _taken(SanaControlNetModel, known)} | {"num_layers": 1})


def _taken(cls: Any, known: Mapping[str, Any]) -> set[str]:

    return set(inspect.signature(cls.__init__).parameters) & set(known)


@dataclass(frozen=True)
class Controlled:
    """A family, and what is put beside it."""

    family: str
    draw: Callable[[Any], Any]
    type: str = "edges"


CONTROLLED: Mapping[str, Controlled] = {
    "sd-controlnet": Controlled("stable-diffusion", _of_unet),
    "sd-adapter": Controlled("stable-diffusion", _adapter),
    "sdxl-controlnet": Controlled("stable-diffusion-xl", _of_unet, "tile"),
    "sdxl-union": Controlled("stable-diffusion-xl", _union, "scribble"),
    "sdxl-adapter": Controlled("stable-diffusion-xl", _adapter_xl),
    "sd3-controlnet": Controlled("stable-diffusion-3", _sd3, "tile"),
    "flux-controlnet": Controlled("flux", _flux),
    "flux-union": Controlled("flux", _flux_union, "tile"),
    "z-image-controlnet": Controlled("z-image", _z_image),
    "qwen-controlnet": Controlled("qwen-image", _qwen, "tile"),
    "hunyuan-controlnet": Controlled("hunyuan-dit", _hunyuan),
    "sana-controlnet": Controlled("sana", _sana),
}


def save_network(name: str, base: Path, folder: Path) -> Path:
    """The folder of a control network beside the family's folder `base`, every weight from a fixed seed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = CONTROLLED[name].draw(DiffusionPipeline.from_pretrained(base))
    parts.redraw(network, 77)
    network.save_pretrained(folder)
    return folder


def save_control_lora(base: Path, file: Path, rank: int = 4) -> Path:
    """A FLUX.1 Control LoRA: its `x_embedder` looks at the picture's latents beside the noise."""
    transformer = DiffusionPipeline.from_pretrained(base).transformer
    generator = torch.Generator().manual_seed(5)
    layers = {"x_embedder": 2, "transformer_blocks.0.attn.to_q": 1, "single_transformer_blocks.0.attn.to_k": 1}
    state: dict[str, torch.Tensor] = {}
    for layer, wider in layers.items():
        out, inside = transformer.get_submodule(layer).weight.shape
        state[f"transformer.{layer}.lora_A.weight"] = torch.randn(rank, inside * wider, generator=generator) * 0.3
        state[f"transformer.{layer}.lora_B.weight"] = torch.randn(out, rank, generator=generator) * 0.3
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, file)
    return file


@dataclass(frozen=True)
class Stock:
    """A family's folder, and a control network's, as diffusers' own classes read them, each combination once."""

    base: Path
    location: Path
    spec: ModelSpec
    read: dict[tuple[bool, bool], Any] = field(default_factory=dict[tuple[bool, bool], Any])
    """Pipelines by whether they take pictures of a style, and a control picture."""

    def pipeline(self, request: ImageRequest) -> Any:
        """The stock pipeline for a request."""
        key = bool(request.style_images), request.control is not None
        if key not in self.read:
            self.read[key] = _stock_pipeline(self.base, self.location, request, self.spec)
        pipeline = self.read[key]
        if request.style_images:
            pipeline.set_ip_adapter_scale(self.spec.style_scale(request.style_weight))
        if request.control is not None and isinstance(request, ImageToImage):
            name = type(pipeline).__name__.replace("Pipeline", "Img2ImgPipeline")
            pipeline = getattr(diffusers, name).from_pipe(pipeline)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


def stock(folders: Stock, request: ImageRequest) -> numpy.ndarray:
    """What diffusers' own class makes of a request, alone: uint8 (cells, height, width, 3)."""
    pipeline, spec = folders.pipeline(request), folders.spec
    generators = [torch.Generator().manual_seed(seed) for seed in request.cell_seeds]
    known = _parameters(pipeline)
    call: dict[str, Any] = {
        "prompt": request.prompt,
        "width": request.width,
        "height": request.height,
        "num_inference_steps": request.num_inference_steps,
        spec.guidance_parameter: request.guidance_scale,
        "num_images_per_prompt": len(generators),
        "generator": generators if len(generators) > 1 else generators[0],
        "output_type": "np",
        "negative_prompt": " " if spec.guidance_parameter == "true_cfg_scale" and request.guidance_scale > 1 else None,
        "use_resolution_binning": False if max(spec.width, spec.height) < SMALLEST_TABLED_SIDE else None,
        **_controlled(pipeline, request, spec),
        "ip_adapter_image": open_picture(request.style_images[0].image) if request.style_images else None,
    }
    torch.manual_seed(request.cell_seeds[0])  # SD 3 draws the control picture's latents without a generator
    with torch.inference_mode():
        images = pipeline(**{name: each for name, each in call.items() if each is not None and name in known}).images
    return (numpy.asarray(images) * 255).round().astype(numpy.uint8)


def _stock_pipeline(base: Path, location: Path, request: ImageRequest, spec: ModelSpec) -> Any:
    plain: Any = DiffusionPipeline.from_pretrained(base)
    if request.style_images:
        load_adapter(plain, Path(str(spec.style_adapter)))
    if request.control is None:
        return plain
    network = spec.controls[request.control.type]
    cls = getattr(diffusers, network.pipeline(spec.pipeline))
    if network.network == LORA:
        made = cls.from_pipe(plain)
        made.load_lora_weights(str(location.parent), weight_name=location.name)
    else:
        read = getattr(diffusers, network.network).from_pretrained(location)
        made = cls.from_pipe(plain, **{network.component: read})
    return made


def _controlled(pipeline: Any, request: ImageRequest, spec: ModelSpec) -> dict[str, Any]:
    control = request.control
    if control is None:
        return {}
    size = request.width or 0, request.height or 0
    picture = fitted(open_picture(control.image), size)
    seen = {"edges": edges, "scribble": scribble}.get(control.type, lambda same: same)(picture)
    channels = pipeline.adapter.config.in_channels if hasattr(pipeline, "adapter") else 3
    given = ControlInput(seen, spec.controls[control.type], control.strength)
    arguments = given.arguments(_parameters(pipeline), channels)
    if isinstance(request, ImageToImage):
        start = fitted(open_picture(request.image), size)
        arguments |= {"image": [start] * request.num_images, "strength": request.strength}
    return arguments


def _parameters(pipeline: Any) -> frozenset[str]:

    return frozenset(inspect.signature(type(pipeline).__call__).parameters)
