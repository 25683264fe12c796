"""Writes transformers of diffusers with the names that their authors' code and ComfyUI use: conversions, inverted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file

from engine.model_files.gguf_file import SHAPE_BEFORE

PREFIX = "model.diffusion_model."
State = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Layout:
    """How the names differ."""

    renames: Sequence[tuple[str, str]] = ()
    """Regular expressions, applied in this order."""
    fused: Sequence[tuple[tuple[str, ...], str]] = ()
    """Layers whose rows are one layer in the original."""
    swapped: str = r"^$"
    """Names, as diffusers has them, of layers that give scale and shift; originals give shift and scale."""
    flat: str = r"^$"
    """Names, as originals have them, of tensors that are vectors there."""
    added: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Tensors that originals have besides, which nothing reads."""


_STREAM = [
    (r"attn\.to_out\.0", "img_attn.proj"),
    (r"attn\.to_add_out", "txt_attn.proj"),
    (r"attn\.norm_q\.weight", "img_attn.norm.query_norm.scale"),
    (r"attn\.norm_k\.weight", "img_attn.norm.key_norm.scale"),
    (r"attn\.norm_added_q\.weight", "txt_attn.norm.query_norm.scale"),
    (r"attn\.norm_added_k\.weight", "txt_attn.norm.key_norm.scale"),
    (r"ff\.net\.0\.proj", "img_mlp.0"),
    (r"ff\.net\.2", "img_mlp.2"),
    (r"ff_context\.net\.0\.proj", "txt_mlp.0"),
    (r"ff_context\.net\.2", "txt_mlp.2"),
    (r"norm1\.linear", "img_mod.lin"),
    (r"norm1_context\.linear", "txt_mod.lin"),
]
_SINGLE = [
    (r"^(single_transformer_blocks\.\d+)\.norm\.linear", r"\1.modulation.lin"),
    (r"^(single_transformer_blocks\.\d+)\.proj_out", r"\1.linear2"),
    (r"^(single_transformer_blocks\.\d+)\.attn\.norm_q\.weight", r"\1.norm.query_norm.scale"),
    (r"^(single_transformer_blocks\.\d+)\.attn\.norm_k\.weight", r"\1.norm.key_norm.scale"),
    (r"^single_transformer_blocks", "single_blocks"),
]
_EMBEDDERS = [
    (r"time_text_embed\.timestep_embedder\.linear_1", "time_in.in_layer"),
    (r"time_text_embed\.timestep_embedder\.linear_2", "time_in.out_layer"),
    (r"time_text_embed\.text_embedder\.linear_1", "vector_in.in_layer"),
    (r"time_text_embed\.text_embedder\.linear_2", "vector_in.out_layer"),
    (r"time_text_embed\.guidance_embedder\.linear_1", "guidance_in.in_layer"),
    (r"time_text_embed\.guidance_embedder\.linear_2", "guidance_in.out_layer"),
    (r"^context_embedder", "txt_in"),
    (r"^x_embedder", "img_in"),
    (r"^proj_out", "final_layer.linear"),
    (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
]
_BOTH_STREAMS = [
    (("attn.to_q", "attn.to_k", "attn.to_v"), "img_attn.qkv"),
    (("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"), "txt_attn.qkv"),
]
_FLUX_FUSED = [(("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"), "linear1"), *_BOTH_STREAMS]
_MLP = [(r"t_embedder|timestep_embedder|time_step_proj", "t_embedder"), (r"linear_1", "mlp.0"), (r"linear_2", "mlp.2")]

LAYOUTS: dict[str, Layout] = {
    "qwen-image": Layout(),
    "z-image": Layout(
        [
            (r"^all_final_layer\.2-1", "final_layer"),
            (r"^all_x_embedder\.2-1", "x_embedder"),
            (r"to_out\.0", "out"),
            ("norm_k", "k_norm"),
            ("norm_q", "q_norm"),
        ],
        [(("attention.to_q", "attention.to_k", "attention.to_v"), "attention.qkv")],
        added={"norm_final.weight": (4,)},
    ),
    "flux": Layout(
        [*_SINGLE, *_STREAM, (r"^transformer_blocks", "double_blocks"), *_EMBEDDERS], _FLUX_FUSED, r"^norm_out"
    ),
    "chroma": Layout(
        [
            *_SINGLE,
            *_STREAM,
            (r"^transformer_blocks", "double_blocks"),
            *_EMBEDDERS,
            (r"^(distilled_guidance_layer\.layers\.\d+)\.linear_1", r"\1.in_layer"),
            (r"^(distilled_guidance_layer\.layers\.\d+)\.linear_2", r"\1.out_layer"),
            (r"^(distilled_guidance_layer\.norms\.\d+)\.weight", r"\1.scale"),
        ],
        _FLUX_FUSED,
    ),
    "flux2-klein": Layout(
        [
            (r"attn\.to_qkv_mlp_proj", "linear1"),
            (r"^(single_transformer_blocks\.\d+)\.attn\.to_out", r"\1.linear2"),
            *_SINGLE,
            (r"ff\.linear_in", "img_mlp.0"),
            (r"ff\.linear_out", "img_mlp.2"),
            (r"ff_context\.linear_in", "txt_mlp.0"),
            (r"ff_context\.linear_out", "txt_mlp.2"),
            *_STREAM,
            (r"^transformer_blocks", "double_blocks"),
            (r"modulation(_img|_txt|)\.linear", r"modulation\1.lin"),
            (r"time_guidance_embed\.timestep_embedder\.linear_1", "time_in.in_layer"),
            (r"time_guidance_embed\.timestep_embedder\.linear_2", "time_in.out_layer"),
            *_EMBEDDERS,
        ],
        _BOTH_STREAMS,
        r"^norm_out",
    ),
    "stable-diffusion-3": Layout(
        [
            (r"^pos_embed\.pos_embed", "pos_embed"),
            (r"^pos_embed\.proj", "x_embedder.proj"),
            (r"^time_text_embed\.timestep_embedder\.linear_1", "t_embedder.mlp.0"),
            (r"^time_text_embed\.timestep_embedder\.linear_2", "t_embedder.mlp.2"),
            (r"^time_text_embed\.text_embedder\.linear_1", "y_embedder.mlp.0"),
            (r"^time_text_embed\.text_embedder\.linear_2", "y_embedder.mlp.2"),
            (r"attn\.to_out\.0", "x_block.attn.proj"),
            (r"attn\.to_add_out", "context_block.attn.proj"),
            (r"norm1\.linear", "x_block.adaLN_modulation.1"),
            (r"norm1_context\.linear", "context_block.adaLN_modulation.1"),
            (r"ff\.net\.0\.proj", "x_block.mlp.fc1"),
            (r"ff\.net\.2", "x_block.mlp.fc2"),
            (r"ff_context\.net\.0\.proj", "context_block.mlp.fc1"),
            (r"ff_context\.net\.2", "context_block.mlp.fc2"),
            (r"^transformer_blocks", "joint_blocks"),
            (r"^proj_out", "final_layer.linear"),
            (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
        ],
        [
            (("attn.to_q", "attn.to_k", "attn.to_v"), "x_block.attn.qkv"),
            (("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"), "context_block.attn.qkv"),
        ],
        r"^norm_out|\.1\.norm1_context",
    ),
    "lumina2": Layout(
        [
            (r"norm1\.linear", "adaLN_modulation.1"),
            (r"norm1\.norm", "attention_norm1"),
            (r"^(context_refiner\.\d+)\.norm1", r"\1.attention_norm1"),
            (r"\.norm2", ".attention_norm2"),
            (r"to_out\.0", "out"),
            ("norm_k", "k_norm"),
            ("norm_q", "q_norm"),
            (r"attn\.", "attention."),
            (r"^norm_out\.linear_1", "final_layer.adaLN_modulation.1"),
            (r"^norm_out\.linear_2", "final_layer.linear"),
            (r"time_caption_embed\.caption_embedder", "cap_embedder"),
            (r"time_caption_embed\.timestep_embedder\.linear_1", "t_embedder.mlp.0"),
            (r"time_caption_embed\.timestep_embedder\.linear_2", "t_embedder.mlp.2"),
            (r"linear_(\d)", r"w\1"),
        ],
        [(("attn.to_q", "attn.to_k", "attn.to_v"), "attention.qkv")],
        added={"norm_final.weight": (4,)},
    ),
    "aura-flow": Layout(
        [
            (r"^pos_embed\.pos_embed", "positional_encoding"),
            (r"^pos_embed\.proj", "init_x_linear"),
            (r"^time_step_proj\.linear_1", "t_embedder.mlp.0"),
            (r"^time_step_proj\.linear_2", "t_embedder.mlp.2"),
            (r"^context_embedder", "cond_seq_linear"),
            (r"^proj_out", "final_linear"),
            (r"^norm_out\.linear", "modF.1"),
            (r"^(single_transformer_blocks\.\d+)\.ff", r"\1.mlp"),
            (r"^(single_transformer_blocks\.\d+)\.norm1\.linear", r"\1.modCX.1"),
            (r"^(single_transformer_blocks\.\d+)\.attn\.to_(q|k|v)", r"\1.attn.w1\2"),
            (r"^(single_transformer_blocks\.\d+)\.attn\.to_out\.0", r"\1.attn.w1o"),
            (r"^single_transformer_blocks", "single_layers"),
            (r"\.ff\.", ".mlpX."),
            (r"\.ff_context\.", ".mlpC."),
            (r"norm1\.linear", "modX.1"),
            (r"norm1_context\.linear", "modC.1"),
            (r"attn\.to_out\.0", "attn.w2o"),
            (r"attn\.to_add_out", "attn.w1o"),
            (r"attn\.to_(q|k|v)", r"attn.w2\1"),
            (r"attn\.add_(q|k|v)_proj", r"attn.w1\1"),
            (r"^joint_transformer_blocks", "double_layers"),
            ("linear_1", "c_fc1"),
            ("linear_2", "c_fc2"),
            ("out_projection", "c_proj"),
        ],
        swapped=r"^norm_out",
    ),
    "sana": Layout(
        [
            (r"^patch_embed\.proj", "x_embedder.proj"),
            (r"^time_embed\.emb\.timestep_embedder\.linear_1", "t_embedder.mlp.0"),
            (r"^time_embed\.emb\.timestep_embedder\.linear_2", "t_embedder.mlp.2"),
            (r"^time_embed\.linear", "t_block.1"),
            (r"^caption_projection\.linear_1", "y_embedder.y_proj.fc1"),
            (r"^caption_projection\.linear_2", "y_embedder.y_proj.fc2"),
            (r"^caption_norm", "attention_y_norm"),
            (r"attn1\.to_out\.0", "attn.proj"),
            (r"attn2\.to_out\.0", "cross_attn.proj"),
            (r"attn2\.to_q", "cross_attn.q_linear"),
            (r"ff\.conv_inverted", "mlp.inverted_conv.conv"),
            (r"ff\.conv_depth", "mlp.depth_conv.conv"),
            (r"ff\.conv_point", "mlp.point_conv.conv"),
            (r"^transformer_blocks", "blocks"),
            (r"^proj_out", "final_layer.linear"),
            (r"^scale_shift_table", "final_layer.scale_shift_table"),
        ],
        [
            (("attn1.to_q", "attn1.to_k", "attn1.to_v"), "attn.qkv"),
            (("attn2.to_k", "attn2.to_v"), "cross_attn.kv_linear"),
        ],
        added={"pos_embed": (1, 4, 4), "y_embedder.y_embedding": (4, 4)},
    ),
}


RARER_LAYOUTS: dict[str, Layout] = {
    "hidream": Layout(),
    "krea2": Layout(
        [
            (r"^transformer_blocks\.(\d+)\.scale_shift_table", r"blocks.\1.mod.lin"),
            (r"^final_layer\.scale_shift_table", "last.modulation.lin"),
            (r"^final_layer\.norm\.weight", "last.norm.scale"),
            (r"^final_layer", "last"),
            (r"^txt_in\.norm\.weight", "txtmlp.0.scale"),
            (r"^txt_in\.linear_1", "txtmlp.1"),
            (r"^txt_in\.linear_2", "txtmlp.3"),
            (r"^time_embed\.linear_1", "tmlp.0"),
            (r"^time_embed\.linear_2", "tmlp.2"),
            (r"^time_mod_proj", "tproj.1"),
            (r"^img_in", "first"),
            (r"^text_fusion", "txtfusion"),
            (r"^transformer_blocks", "blocks"),
            (r"\.attn\.to_out\.0\.", ".attn.wo."),
            (r"\.attn\.to_(q|k|v)\.", r".attn.w\1."),
            (r"\.attn\.to_gate\.", ".attn.gate."),
            (r"\.attn\.norm_(q|k)\.weight", r".attn.qknorm.\1norm.scale"),
            (r"\.ff\.", ".mlp."),
            (r"\.norm1\.weight", ".prenorm.scale"),
            (r"\.norm2\.weight", ".postnorm.scale"),
        ],
        flat=r"^blocks\.\d+\.mod\.lin",
    ),
}


def original(name: str, state: State) -> dict[str, torch.Tensor]:
    """A family's transformer with its authors' names."""
    layout = (LAYOUTS | RARER_LAYOUTS)[name]
    tensors = {
        key: _swapped(value) if re.search(layout.swapped, key) else value
        for key, value in _fused(layout, state).items()
    }
    for pattern, into in layout.renames:
        tensors = {re.sub(pattern, into, key): value for key, value in tensors.items()}
    tensors = {key: value.flatten() if re.search(layout.flat, key) else value for key, value in tensors.items()}
    return tensors | {key: torch.zeros(shape) for key, shape in layout.added.items()}


def _fused(layout: Layout, state: State) -> dict[str, torch.Tensor]:
    tensors = dict(state)
    for parts, into in layout.fused:
        for key in [key for key in tensors if f".{parts[0]}." in key]:
            names = [key.replace(parts[0], part) for part in parts]
            if all(each in tensors for each in names):
                tensors[key.replace(parts[0], into)] = torch.cat([tensors.pop(each) for each in names])
    return tensors


def _swapped(weight: torch.Tensor) -> torch.Tensor:
    return torch.cat(weight.chunk(2)[::-1])


def save(tensors: State, file: Path, prefix: str = "", **metadata: str) -> Path:
    """As safetensors."""
    save_file({prefix + key: value.contiguous() for key, value in tensors.items()}, file, metadata=metadata or None)
    return file


def save_gguf(tensors: State, file: Path, kind: str = "Q8_0", architecture: str = "flux", prefix: str = "") -> Path:
    """As GGUF: matrices whose rows are whole blocks are quantised, all else is float32, as the converters do."""
    import gguf  # an extra

    writer = gguf.GGUFWriter(str(file), architecture)
    quantised = gguf.GGMLQuantizationType[kind]
    block, _ = gguf.GGML_QUANT_SIZES[quantised]
    for key, value in tensors.items():
        array = value.float().numpy()
        if array.ndim == 4 and array.size % block == 0:  # what ComfyUI-GGUF does with convolutions
            writer.add_array(SHAPE_BEFORE + prefix + key, list(array.shape))
            array = array.reshape(-1, block)
        if key.endswith(".weight") and array.ndim == 2 and array.shape[1] % block == 0:
            writer.add_tensor(prefix + key, gguf.quants.quantize(array, quantised), raw_dtype=quantised)
        else:
            writer.add_tensor(prefix + key, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def narrowed(convert: Callable[..., State], sizes: Mapping[int, int]) -> Callable[..., State]:
    """A conversion of diffusers that knows the widths of the full-size model only, for a tiny one."""
    code = convert.__code__
    constants = tuple(_narrow(each, sizes) for each in code.co_consts)
    return type(convert)(code.replace(co_consts=constants), convert.__globals__, convert.__name__)


def _narrow(constant: object, sizes: Mapping[int, int]) -> object:
    if hasattr(constant, "co_consts"):
        return constant.replace(co_consts=tuple(_narrow(each, sizes) for each in constant.co_consts))
    return sizes.get(constant, constant) if isinstance(constant, int) and not isinstance(constant, bool) else constant
