"""LoRA files in the layouts that people share, drawn for tiny models: those that can be used, and those that cannot.

What a usable one must do is computed apart from the engine: its change is merged into a copy of the weights.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import convert_state_dict_to_diffusers
from safetensors.torch import save_file
from torch import nn

Tensors = dict[str, torch.Tensor]
ATTENTION = re.compile(r"\.to_[qkv]$|\.to_out\.0$")
TEXT = re.compile(r"\.[qkv]_proj$|\.out_proj$|\.fc[12]$")
RANK = 3


@dataclass
class Factors:
    """One layer's change: W + scale BA, with a bias of B's, or stretched to magnitudes."""

    component: str
    name: str
    down: torch.Tensor
    up: torch.Tensor
    alpha: float = RANK
    bias: torch.Tensor | None = None
    magnitude: torch.Tensor | None = None

    @property
    def path(self) -> str:
        return f"{self.component}.{self.name}"

    def merged_into(self, layer: nn.Module, weight: float = 1.0) -> None:
        """Change a layer as PEFT would, had it merged this."""
        scale = self.alpha / self.down.shape[0] * weight
        change = (self.up.flatten(1) @ self.down.flatten(1)).reshape(layer.weight.shape)
        made = layer.weight.data + scale * change
        if self.magnitude is not None:
            lengths = made.flatten(1).norm(dim=1)
            made = made * (self.magnitude / lengths).reshape(-1, *(1,) * (made.ndim - 1))
        layer.weight.data = made
        if self.bias is not None:
            layer.bias.data = layer.bias.data + scale * self.bias


class Draft:
    """Random factors for the layers of a pipeline's components whose names match."""

    def __init__(self, pipeline: Any, seed: int = 0) -> None:
        self.pipeline, self._source = pipeline, torch.Generator().manual_seed(seed)
        self.factors: list[Factors] = []

    def add(self, component: str, names: re.Pattern[str], rank: int = RANK, alpha: float | None = None) -> Draft:
        for name, layer in getattr(self.pipeline, component).named_modules():
            if isinstance(layer, nn.Linear | nn.Conv2d) and names.search(f".{name}"):
                ones = (1,) * (layer.weight.ndim - 2)
                down = self.noise(rank, *layer.weight.shape[1:])
                up = self.noise(layer.weight.shape[0], rank, *ones)
                self.factors.append(Factors(component, name, down, up, rank if alpha is None else alpha))
        return self

    def noise(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=self._source) * 0.3

    def with_magnitudes(self) -> Draft:
        for each in self.factors:
            lengths = self.layer(each).weight.detach().flatten(1).norm(dim=1)
            each.magnitude = lengths * (1 + 0.3 * torch.rand(lengths.shape, generator=self._source))
        return self

    def with_biases(self) -> Draft:
        self.factors = [each for each in self.factors if self.layer(each).bias is not None]
        for each in self.factors:
            each.bias = self.noise(each.up.shape[0])
        return self

    def layer(self, each: Factors) -> nn.Module:
        return getattr(self.pipeline, each.component).get_submodule(each.name)

    def merged(self, component: str, weight: float = 1.0) -> nn.Module:
        """A copy of the component whose output a row with this LoRA must have."""
        module = copy.deepcopy(getattr(self.pipeline, component))
        for each in self.factors:
            if each.component == component:
                each.merged_into(module.get_submodule(each.name), weight)
        return module


def peft(factors: Iterable[Factors], prefix: Callable[[Factors], str] = lambda each: each.path) -> Tensors:
    """As PEFT and today's diffusers write it."""
    made: Tensors = {}
    for each in factors:
        made |= {f"{prefix(each)}.lora_A.weight": each.down, f"{prefix(each)}.lora_B.weight": each.up}
        made |= {} if each.bias is None else {f"{prefix(each)}.lora_B.bias": each.bias}
        made |= {} if each.magnitude is None else {f"{prefix(each)}.lora_magnitude_vector": each.magnitude}
    return made


def kohya(factors: Iterable[Factors], place: Callable[[Factors], str], alphas: bool = True) -> Tensors:
    """As kohya's sd-scripts write it."""
    made: Tensors = {}
    for each in factors:
        made |= {f"{place(each)}.lora_down.weight": each.down, f"{place(each)}.lora_up.weight": each.up}
        made |= {f"{place(each)}.alpha": torch.tensor(float(each.alpha))} if alphas else {}
        if each.magnitude is not None:
            made[f"{place(each)}.dora_scale"] = each.magnitude.reshape(-1, *(1,) * (each.down.ndim - 1))
    return made


def flat(each: Factors) -> str:
    """kohya's name for a layer of diffusers' own modules."""
    if each.component.startswith("text_encoder"):
        number = {"text_encoder": "", "text_encoder_2": "2"}[each.component]
        return f"lora_te{number}_text_model_{each.name.removeprefix('text_model.').replace('.', '_')}"
    return f"lora_unet_{each.name.replace('.', '_')}"


def dotted(each: Factors, down: str, up: str) -> Tensors:
    """The spellings diffusers had before PEFT."""
    return {f"{each.component}.{down}.weight": each.down, f"{each.component}.{up}.weight": each.up}


def _diffusers(draft: Draft) -> Tensors:
    made: Tensors = {}
    for each in draft.factors:
        made |= dotted(each, f"{each.name}.lora.down", f"{each.name}.lora.up")
    return made


def _diffusers_old(draft: Draft) -> Tensors:
    made: Tensors = {}
    for each in draft.factors:
        block, _, layer = each.name.removesuffix(".0").rpartition(".")
        made |= dotted(each, f"{block}.processor.{layer}_lora.down", f"{block}.processor.{layer}_lora.up")
    return made


@dataclass(frozen=True)
class RowLayout:
    """One way of writing a LoRA file, and what becomes of it."""

    name: str
    write: Callable[[Any], tuple[Tensors, Draft]]
    family: str = "stable-diffusion"
    refused: str = ""
    """A pattern of what the refusal says; "" for a file that can be used."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    """What is said of one that fits in part; "" for one that fits as a whole."""

    def save(self, folder: Path, pipeline: Any) -> tuple[Path, Draft]:
        """The file, and the change that it must make when active."""
        tensors, draft = self.write(pipeline)
        path = folder / f"{self.name}.safetensors"
        save_file({name: each.contiguous().clone() for name, each in tensors.items()}, path, dict(self.metadata))
        return path, draft


def _unet(pipeline: Any, names: re.Pattern[str] = ATTENTION, **options: Any) -> Draft:
    return Draft(pipeline).add("unet", names, **options)


def _both(pipeline: Any, **options: Any) -> Draft:
    return _unet(pipeline, **options).add("text_encoder", TEXT, **options)


def _transformer(pipeline: Any, names: str = r"\.to_[qkv]$|\.to_out\.0$") -> Draft:
    return Draft(pipeline).add("transformer", re.compile(names))


def _written(draft: Draft, spell: Callable[[Draft], Tensors]) -> tuple[Tensors, Draft]:
    return spell(draft), draft


def _peft(draft: Draft) -> Tensors:
    return peft(draft.factors)


def _kohya(draft: Draft) -> Tensors:
    return kohya(draft.factors, flat)


def _deeper(draft: Draft) -> Tensors:
    """Text encoders as they were nested once."""
    nested = {"text_encoder": "text_encoder.text_model", "unet": "unet"}
    return peft(draft.factors, lambda each: f"{nested[each.component]}.{each.name.removeprefix('text_model.')}")


def _base_model(draft: Draft) -> Tensors:
    return peft(draft.factors, lambda each: f"base_model.model.{each.name}")


def _no_alphas(draft: Draft) -> Tensors:
    return kohya(draft.factors, flat, alphas=False)


def _mixed(draft: Draft) -> Tensors:
    spelled = convert_state_dict_to_diffusers({name.removeprefix("unet."): each for name, each in _peft(draft).items()})
    return {f"unet.{name}": each for name, each in spelled.items()}


def _told(component: str, **config: Any) -> dict[str, str]:
    return {"lora_adapter_metadata": json.dumps({f"{component}.{name}": each for name, each in config.items()})}


def _rank_stabilised(pipeline: Any) -> tuple[Tensors, Draft]:
    draft = _unet(pipeline)
    for each in draft.factors:
        each.alpha = (1.0 if each.name.endswith("to_q") else 2.0) * math.sqrt(RANK)
    return _peft(draft), draft


def _varied_ranks(pipeline: Any) -> tuple[Tensors, Draft]:
    draft = _unet(pipeline, re.compile(r"\.to_q$"), rank=2, alpha=1.0).add("unet", re.compile(r"\.to_v$"), 5, 4.0)
    return _kohya(draft), draft


def _linear_as_convolution(pipeline: Any) -> tuple[Tensors, Draft]:
    draft = _unet(pipeline)
    made = {name: each[..., None, None] if each.ndim == 2 else each for name, each in _kohya(draft).items()}
    return made, draft


def _flux_fused(pipeline: Any, spell: Callable[[str, torch.Tensor, torch.Tensor], Tensors]) -> tuple[Tensors, Draft]:
    """Queries, keys and values in one layer, as Flux was published."""
    draft = _transformer(pipeline, r"\.transformer_blocks\.0\.attn\.to_[qkv]$")
    for each in draft.factors:
        each.down = draft.factors[0].down
    return spell("double_blocks", draft.factors[0].down, torch.cat([each.up for each in draft.factors])), draft


def _flux_kohya(_: str, down: torch.Tensor, up: torch.Tensor) -> Tensors:
    place = "lora_unet_double_blocks_0_img_attn_qkv"
    return {f"{place}.lora_down.weight": down, f"{place}.lora_up.weight": up, f"{place}.alpha": torch.tensor(3.0)}


def _flux_xlabs(_: str, down: torch.Tensor, up: torch.Tensor) -> Tensors:
    place = "double_blocks.0.processor.qkv_lora1"
    return {f"{place}.down.weight": down, f"{place}.up.weight": up}


def _flux_alphas(draft: Draft) -> Tensors:
    return _peft(draft) | {f"{each.path}.alpha": torch.tensor(float(each.alpha)) for each in draft.factors}


def _comfy(draft: Draft) -> Tensors:
    return peft(draft.factors, lambda each: f"diffusion_model.{each.name}")


def _xl_text(pipeline: Any) -> tuple[Tensors, Draft]:
    draft = _unet(pipeline).add("text_encoder", TEXT).add("text_encoder_2", TEXT)
    return kohya(draft.factors, lambda each: flat(each).replace("lora_te_", "lora_te1_")), draft


def _xl_blocks(draft: Draft) -> Tensors:
    """Blocks by the names that Stability's own modules have."""
    return kohya(draft.factors, lambda each: flat(each).replace("down_blocks_1_attentions_0", "input_blocks_3_1"))


USABLE = (
    RowLayout("peft", lambda p: _written(_unet(p), _peft)),
    RowLayout("peft-text", lambda p: _written(_both(p), _peft)),
    RowLayout("text-alone", lambda p: _written(Draft(p).add("text_encoder", TEXT), _peft)),
    RowLayout("text-model", lambda p: _written(_both(p), _deeper)),
    RowLayout("base-model", lambda p: _written(_unet(p), _base_model)),
    RowLayout("diffusers", lambda p: _written(_unet(p), _diffusers)),
    RowLayout("diffusers-old", lambda p: _written(_unet(p), _diffusers_old)),
    RowLayout("mixed-spelling", lambda p: _written(_unet(p, re.compile(r"\.to_q$|\.conv1$")), _mixed)),
    RowLayout("kohya", lambda p: _written(_unet(p, alpha=1.5), _kohya)),
    RowLayout("kohya-text", lambda p: _written(_both(p, alpha=2.0), _kohya)),
    RowLayout("kohya-no-alpha", lambda p: _written(_unet(p), _no_alphas)),
    RowLayout(
        "kohya-convolutions",
        lambda p: _written(_unet(p, re.compile(r"\.conv[12]$|\.proj_in$|\.to_q$"), alpha=2.0), _kohya),
    ),
    RowLayout("kohya-dora", lambda p: _written(_unet(p, alpha=2.0).with_magnitudes(), _kohya)),
    RowLayout("dora", lambda p: _written(_unet(p).with_magnitudes(), _peft)),
    RowLayout(
        "dora-convolutions", lambda p: _written(_unet(p, re.compile(r"\.conv1$|\.to_v$")).with_magnitudes(), _peft)
    ),
    RowLayout("biases", lambda p: _written(_unet(p, re.compile(r"\.to_out\.0$|\.conv1$")).with_biases(), _peft)),
    RowLayout(
        "rank-stabilised",
        _rank_stabilised,
        metadata=_told("unet", r=RANK, lora_alpha=2, alpha_pattern={"to_q": 1}, use_rslora=True),
    ),
    RowLayout("varied-ranks", _varied_ranks),
    RowLayout("linear-as-convolution", _linear_as_convolution),
    RowLayout("xl-kohya", _xl_text, "stable-diffusion-xl"),
    RowLayout(
        "xl-blocks",
        lambda p: _written(
            _unet(p, re.compile(r"\.down_blocks\.1\.attentions\.0\..*to_[qkv]$"), alpha=2.0), _xl_blocks
        ),
        "stable-diffusion-xl",
    ),
    RowLayout("flux-peft", lambda p: _written(_transformer(p), _peft), "flux"),
    RowLayout("flux-kohya", lambda p: _flux_fused(p, _flux_kohya), "flux"),
    RowLayout("flux-xlabs", lambda p: _flux_fused(p, _flux_xlabs), "flux"),
    RowLayout("flux-alphas", lambda p: _written(_transformer(p), _flux_alphas), "flux"),
    RowLayout("z-image-comfy", lambda p: _written(_transformer(p, r"\.attention\.to_[qk]$"), _comfy), "z-image"),
    RowLayout("qwen-kohya", lambda p: _written(_transformer(p, r"\.attn\.to_[qk]$"), _kohya), "qwen-image"),
)


def _with(
    more: Callable[[Draft], Tensors], names: re.Pattern[str] = ATTENTION
) -> Callable[[Any], tuple[Tensors, Draft]]:
    """A good file with something in it that is not."""

    def write(pipeline: Any) -> tuple[Tensors, Draft]:
        draft = _unet(pipeline, names) if hasattr(pipeline, "unet") else _transformer(pipeline)
        return _peft(draft) | more(draft), draft

    return write


def _renamed(draft: Draft) -> Tensors:
    return {name.replace("to_", "two_"): each for name, each in _peft(draft).items()}


def _of_kind(*names: str) -> Callable[[Any], tuple[Tensors, Draft]]:
    def write(pipeline: Any) -> tuple[Tensors, Draft]:
        draft = Draft(pipeline)
        prefix = "lora_unet_" if hasattr(pipeline, "unet") else "diffusion_model."
        place = f"{prefix}down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
        return {f"{place}.{name}": draft.noise(2, 2) for name in names}, draft

    return write


def _wide_text(draft: Draft) -> Tensors:
    place = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"
    return {f"{place}.lora_A.weight": draft.noise(4, 24), f"{place}.lora_B.weight": draft.noise(24, 4)}


def _one_half(draft: Draft) -> Tensors:
    return {"unet.mid_block.attentions.0.transformer_blocks.0.ff.net.2.lora_A.weight": draft.noise(2, 64)}


def _other_shape(pipeline: Any) -> tuple[Tensors, Draft]:
    draft = _unet(pipeline)
    return {name: draft.noise(7, 9) for name in _peft(draft)}, draft


def _other_ranks(pipeline: Any) -> tuple[Tensors, Draft]:
    draft = _unet(pipeline)
    return {name: torch.cat([each, each]) if "lora_A" in name else each for name, each in _peft(draft).items()}, draft


def _control(draft: Draft) -> Tensors:
    layer = draft.pipeline.transformer.x_embedder
    wide, high = draft.noise(4, 2 * layer.in_features), draft.noise(layer.out_features, 4)
    return {"transformer.x_embedder.lora_A.weight": wide, "transformer.x_embedder.lora_B.weight": high}


def _norms(draft: Draft) -> Tensors:
    return {
        f"transformer.{name}": torch.full_like(each, 3.0)
        for name, each in draft.pipeline.transformer.state_dict().items()
        if name.endswith(("norm_q.weight", "norm_k.weight"))
    }


def _on_norm(draft: Draft) -> Tensors:
    place = "unet.mid_block.attentions.0.transformer_blocks.0.norm1"
    return {f"{place}.lora_A.weight": draft.noise(2, 16), f"{place}.lora_B.weight": draft.noise(16, 2)}


def _column_magnitudes(pipeline: Any) -> tuple[Tensors, Draft]:
    made, draft = _written(_unet(pipeline), _kohya)
    return made | {f"{flat(each)}.dora_scale": torch.ones(1, each.down.shape[1]) for each in draft.factors}, draft


def _both_spellings(pipeline: Any) -> tuple[Tensors, Draft]:
    made, draft = _written(_unet(pipeline), _kohya)
    place = "lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_q"
    return made | {
        f"{place}.lora_down.weight": draft.noise(2, 16),
        f"{place}.lora_up.weight": draft.noise(16, 2),
    }, draft


def _flux_unscaled(_: str, down: torch.Tensor, up: torch.Tensor) -> Tensors:
    place = "lora_unet_final_layer_linear"
    last = {f"{place}.lora_down.weight": torch.ones(2, 32), f"{place}.lora_up.weight": torch.ones(16, 2)}
    return _flux_kohya(_, down, up) | last | {f"{place}.alpha": torch.tensor(0.5)}


def _flux_other_text(_: str, down: torch.Tensor, up: torch.Tensor) -> Tensors:
    place = "lora_te2_encoder_block_0_layer_0_SelfAttention_q"
    return _flux_kohya(_, down, up) | {f"{place}.lora_down.weight": down, f"{place}.lora_up.weight": up}


def _other_text(draft: Draft) -> Tensors:
    place = "lora_te3_encoder_block_0_layer_0_SelfAttention_q"
    return {f"{place}.lora_down.weight": draft.noise(2, 16), f"{place}.lora_up.weight": draft.noise(16, 2)}


def _another_block(draft: Draft) -> Tensors:
    place = "unet.mid_block.attentions.7.transformer_blocks.0.attn1.to_q"
    return {f"{place}.lora_A.weight": draft.noise(2, 16), f"{place}.lora_B.weight": draft.noise(16, 2)}


SAID_IN_PART = r"^LoRA [\w-]+ fits in part: (\d+) of its (\d+) layers have a place in this model$"
USABLE_IN_PART = (
    RowLayout("another-block", _with(_another_block), note=SAID_IN_PART),
    RowLayout("other-text", _with(_other_text), note=SAID_IN_PART),
    RowLayout("flux-other-text-beside", _with(_other_text), "flux", note=SAID_IN_PART),
)
IN_PART, NOT_AT_ALL = r"only in part: \d+ of its \d+ layers", r"none of its \d+ layers"
REFUSED = (
    RowLayout("misfit-text", _with(_wide_text), refused=IN_PART),
    RowLayout("other-shape", _other_shape, refused=NOT_AT_ALL),
    RowLayout("other-ranks", _other_ranks, refused=NOT_AT_ALL),
    RowLayout("half-unknown", _with(_renamed), refused=IN_PART),
    RowLayout("all-unknown", lambda p: _written(_unet(p), _renamed), refused=NOT_AT_ALL),
    RowLayout("one-half", _with(_one_half), refused=IN_PART),
    RowLayout("on-a-norm", _with(_on_norm), refused=IN_PART),
    RowLayout("both-spellings", _both_spellings, "stable-diffusion-xl", refused=IN_PART),
    RowLayout("loha", _of_kind("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "alpha"), refused="LoHa"),
    RowLayout("lokr", _of_kind("lokr_w1", "lokr_w2"), refused="LoKr"),
    RowLayout("lokr-z-image", _of_kind("lokr_w1", "lokr_w2"), "z-image", refused="LoKr"),
    RowLayout("tucker", _of_kind("lora_down.weight", "lora_mid.weight", "lora_up.weight", "alpha"), refused="Tucker"),
    RowLayout("oft", _of_kind("oft_blocks"), refused="OFT"),
    RowLayout("glora", _of_kind("a1.weight", "a2.weight", "b1.weight", "b2.weight"), refused="GLoRA"),
    RowLayout("ia3", _of_kind("weight", "on_input"), refused="IA"),
    RowLayout("whole-biases", _with(lambda d: {"unet.conv_in.diff_b": d.noise(8)}), refused="whole weights"),
    RowLayout("column-magnitudes", _column_magnitudes, refused="DoRA"),
    RowLayout("own-words", _with(lambda d: {"bundle_emb.cat.clip_l": d.noise(1, 16)}), refused="textual inversion"),
    RowLayout("no-lora", lambda p: _written(_unet(p), lambda d: {"conv_in.weight": d.noise(8, 4)}), refused="no LoRA"),
    RowLayout("flux-control", _with(_control), "flux", refused="control picture"),
    RowLayout("flux-norms", _with(_norms), "flux", refused="norm layers"),
    RowLayout("flux-unscaled", lambda p: _flux_fused(p, _flux_unscaled), "flux", refused="only in part"),
    RowLayout("flux-other-text", lambda p: _flux_fused(p, _flux_other_text), "flux", refused=IN_PART),
)
