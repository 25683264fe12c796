"""Facts of a single-file checkpoint, from its header alone: family, prediction type, packing. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from engine.errors import ModelLoadFailed
from engine.model_files.checkpoint_families import CheckpointFamily, family_in, first_layer, prefix_of, preset_for
from engine.model_files.diffusers_folder import MASK_CHANNELS
from engine.model_files.gguf_file import BYTES, SHAPE_BEFORE, SUFFIX, gguf_header
from engine.model_files.other_files import AS_FOLDER, prove_model, prove_whole, what_else
from engine.model_files.single_file import Header, Tensor, header_of

LATENT_CHANNELS = 4
_SIDES = 4
"""Of a convolution's weights."""
SUFFIXES = (".safetensors", SUFFIX)
"""What files are called that are read as checkpoints."""
_AUTOENCODERS = ("first_stage_model.", "vae.")
_DECODER, _FIRST = (
    ".decoder.",
    (".conv_in.weight", ".decoder.conv1.weight", ".project_in.main.conv.weight", ".project_in.conv.weight"),
)
"""How the first layer of an autoencoder's decoder is called: in Stable Diffusion's code, in Wan's, in DC-AE's."""
_GUIDED = ("guidance_in.in_layer.weight", "time_text_embed.guidance_embedder.linear_1.weight")
"""What a FLUX.1 has that is given its guidance as an embedding (dev), and no other (schnell)."""
FLOAT8 = frozenset({"F8_E4M3", "F8_E5M2"})
_SCALES = (".scale_weight", ".weight_scale")
"""How the tensor that a layer's float8 weights are to be multiplied with is called: ComfyUI's older and newer way."""
_BESIDE = (*_SCALES, ".scale_input", ".input_scale", ".comfy_quant", "scaled_fp8")
_PACKED = ("U8", "I8", "I16", "I32")
_TRUE = frozenset({"true", "1"})
_EDM = ("edm_vpred.sigma_max", "edm_mean", "edm_std")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The facts of one file."""

    family: CheckpointFamily
    preset: str
    """Whose configuration it shares ("sdxl"); "" where the file does not tell."""
    prefix: str
    """What stands before the names of the denoiser's tensors."""
    components: frozenset[str]
    """Of which it holds the weights."""
    channels: int
    """Of what its UNet is given: `MASK_CHANNELS` where it was trained to inpaint; 0 for a transformer."""
    predicts_v: bool
    """Trained with v-prediction (arXiv 2202.00512), not to predict noise."""
    zero_snr: bool
    """Trained on a schedule that ends in pure noise (arXiv 2305.08891)."""
    takes_guidance: bool
    """Whether a FLUX.1 is given its guidance as an embedding."""
    scales: Mapping[str, str]
    """Name of a float8 tensor -> that of the scale it is to be multiplied with."""
    shapes: Mapping[str, tuple[int, ...]]
    """Name of a tensor that was reshaped to be packed -> the shape it had."""
    is_gguf: bool
    bytes: int
    """Of its weights once they are read: float8 is computed with as a format of twice the size."""

    @property
    def inpaints(self) -> bool:
        """Whether it draws only inside a mask."""
        return self.channels == MASK_CHANNELS


def read_header(path: Path) -> Header:
    """The header of a checkpoint, whichever format it has; raises `ModelLoadFailed`."""
    return gguf_header(path) if path.suffix == SUFFIX else header_of(path)


def read_checkpoint(path: Path) -> Checkpoint:
    """What the file is.

    Raises `ModelLoadFailed` for a file that is damaged, of a family that is not loaded from one file, or packed in a
    way that nothing here reads.
    """
    prove_whole(path)
    header = read_header(path)
    prove_model(path, header.tensors)
    family = family_in(header.tensors)
    if family is None:
        raise ModelLoadFailed(path.stem, *what_else(path, header.tensors))
    channels = _channels(path, header) if family.denoiser == "unet" else 0
    if any(key in header.tensors for key in _EDM):
        why = f"{path.name} was trained with the EDM schedule, which no preset has"
        raise ModelLoadFailed(path.stem, why, AS_FOLDER)
    predicts_v, zero_snr = _prediction(header)
    prefix, is_gguf = prefix_of(header.tensors), path.suffix == SUFFIX
    return Checkpoint(
        family=family,
        preset=preset_for(family, header.tensors),
        prefix=prefix,
        components=_components(path, family, header.tensors),
        channels=channels,
        predicts_v=predicts_v,
        zero_snr=zero_snr,
        takes_guidance=any(prefix + name in header.tensors for name in _GUIDED),
        scales={} if is_gguf else dict(_scales(path, header)),
        shapes=_shapes_before(path, header) if is_gguf else {},
        is_gguf=is_gguf,
        bytes=path.stat().st_size + sum(prod(each.shape) for each in header.tensors.values() if each.dtype in FLOAT8),
    )


def is_beside_weights(name: str) -> bool:
    """Whether a tensor only says how others are packed."""
    return name.endswith(_BESIDE)


def packed_bytes(header: Header) -> float:
    """Bytes of one number of a GGUF's matrices in memory, on average."""
    matrices = [tensor for tensor in header.tensors.values() if len(tensor.shape) > 1]
    numbers = sum(prod(tensor.shape) for tensor in matrices)
    return sum(BYTES[tensor.dtype] * prod(tensor.shape) for tensor in matrices) / max(1, numbers)


def _components(path: Path, family: CheckpointFamily, names: Mapping[str, Tensor]) -> frozenset[str]:
    found = {family.denoiser}
    if autoencoder := [name for name in names if name.startswith(_AUTOENCODERS)]:
        if not any(_DECODER in name and name.endswith(_FIRST) for name in autoencoder):
            why = f"{path.name} holds only half of an autoencoder"
            raise ModelLoadFailed(path.stem, why, "get the whole checkpoint")
        found.add("vae")
    found |= {name for name, start in family.encoders.items() if any(key.startswith(start) for key in names)}
    return frozenset(found)


def _channels(path: Path, header: Header) -> int:
    first = first_layer(header.tensors)
    if first is None or len(first.shape) != _SIDES:
        raise ModelLoadFailed(path.stem, f"{path.name} holds no UNet", "get the whole checkpoint")
    channels = first.shape[1]
    if channels not in (LATENT_CHANNELS, MASK_CHANNELS):
        why = f"the UNet in {path.name} takes {channels} channels, so it draws from more than words and masks"
        raise ModelLoadFailed(path.stem, why, AS_FOLDER)
    return channels


def _prediction(header: Header) -> tuple[bool, bool]:
    """(v-prediction, zero terminal SNR), by the marker tensors or by what trainers write beside the tensors."""
    said = {key: value.strip().lower() for key, value in header.metadata.items()}
    predicts_v = (
        "v_pred" in header.tensors
        or said.get("modelspec.prediction_type", "").startswith("v")
        or said.get("ss_v_parameterization") in _TRUE
    )
    return predicts_v, "ztsnr" in header.tensors or said.get("ss_zero_terminal_snr") in _TRUE


def _shapes_before(path: Path, header: Header) -> Mapping[str, tuple[int, ...]]:
    for key, tensor in header.tensors.items():
        if tensor.dtype not in BYTES:
            why = f"in {path.name}, {key} is quantised as {tensor.dtype}, which is not read here"
            raise ModelLoadFailed(path.stem, why, "choose another quantization of it, such as Q4_K_M or Q8_0")
    before = {key: said for key, said in header.metadata.items() if key.startswith(SHAPE_BEFORE)}
    return {key.removeprefix(SHAPE_BEFORE): tuple(map(int, said.split(","))) for key, said in before.items()}


def _scales(path: Path, header: Header) -> Iterator[tuple[str, str]]:
    for key, tensor in header.tensors.items():
        if key.endswith(_SCALES):
            weight = key.rpartition(".")[0] + ".weight"
            if not _can_be_scaled(header.tensors.get(weight), tensor):
                raise ModelLoadFailed(path.stem, *_unread(path, weight))
            yield weight, key
        elif not key.endswith(_BESIDE) and tensor.dtype in _PACKED and len(tensor.shape) > 1:
            raise ModelLoadFailed(path.stem, *_unread(path, key))


def _unread(path: Path, weight: str) -> tuple[str, str]:
    why = f"in {path.name}, {weight} is quantised in a way that is not read here"
    return why, "choose the fp16 or bf16 file of it"


def _can_be_scaled(weight: Tensor | None, scale: Tensor) -> bool:
    """One scale for all of the weights, or one for each row."""
    if weight is None or weight.dtype not in FLOAT8 or scale.dtype not in ("F32", "F16", "BF16"):
        return False
    sizes = [side for side in scale.shape if side != 1]
    return not sizes or (sizes == [*weight.shape[:1]] and scale.shape[0] == weight.shape[0])
