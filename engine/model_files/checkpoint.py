"""What a single-file checkpoint is, from its safetensors header alone. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelLoadFailed
from engine.model_files.diffusers_folder import MASK_CHANNELS
from engine.model_files.single_file import Header, Tensor, header_of

LATENT_CHANNELS = 4
_SD1 = "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"
_SDXL = "conditioner.embedders.1.model.transformer.resblocks.0.ln_1.weight"
_BASES = {_SDXL: "sdxl", _SD1: "sd-1.5"}
"""A tensor that only this family's checkpoints have -> the preset whose configuration they share."""
_FIRST = "model.diffusion_model.input_blocks.0.0.weight"
"""The UNet's first convolution: (width, channels of its input, 3, 3)."""
_PARTS = {_FIRST: "UNet", "first_stage_model.decoder.conv_in.weight": "autoencoder"}
FLOAT8 = frozenset({"F8_E4M3", "F8_E5M2"})
_SCALES = (".scale_weight", ".weight_scale")
"""How the tensor that a layer's float8 weights are to be multiplied with is called: ComfyUI's older and newer way."""
_BESIDE = (*_SCALES, ".scale_input", ".input_scale", ".comfy_quant", "scaled_fp8")
_TRUE = frozenset({"true", "1"})
_EDM = ("edm_vpred.sigma_max", "edm_mean", "edm_std")
_AS_FOLDER = "give the model as a diffusers folder instead"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The facts of one file."""

    preset: str
    """Whose configuration it shares ("sdxl", "sd-1.5")."""
    channels: int
    """Of what its UNet is given: `MASK_CHANNELS` where it was trained to inpaint."""
    predicts_v: bool
    """Trained with v-prediction (arXiv 2202.00512), not to predict noise."""
    zero_snr: bool
    """Trained on a schedule that ends in pure noise (arXiv 2305.08891)."""
    scales: Mapping[str, str]
    """Name of a float8 tensor -> that of the scale it is to be multiplied with."""

    @property
    def inpaints(self) -> bool:
        """Whether it draws only inside a mask."""
        return self.channels == MASK_CHANNELS


def read_checkpoint(path: Path) -> Checkpoint:
    """What the file is.

    Raises `ModelLoadFailed` for a file that is no safetensors, of a family that is not loaded from one file, or of
    which parts are missing or packed in a way that nothing here reads.
    """
    header = header_of(path)
    preset = next((preset for key, preset in _BASES.items() if key in header.tensors), None)
    if preset is None:
        raise ModelLoadFailed(path.stem, "it is no Stable Diffusion 1.x or XL checkpoint", _AS_FOLDER)
    for key, part in _PARTS.items():
        if key not in header.tensors:
            raise ModelLoadFailed(path.stem, f"it holds no {part}", "get the whole checkpoint")
    channels = header.tensors[_FIRST].shape[1]
    if channels not in (LATENT_CHANNELS, MASK_CHANNELS):
        why = f"its UNet takes {channels} channels, so it draws from more than words and masks"
        raise ModelLoadFailed(path.stem, why, _AS_FOLDER)
    if any(key in header.tensors for key in _EDM):
        raise ModelLoadFailed(path.stem, "it was trained with the EDM schedule, which no preset has", _AS_FOLDER)
    scales = dict(_scales(path, header))
    predicts_v, zero_snr = _prediction(header)
    return Checkpoint(preset, channels, predicts_v, zero_snr, scales)


def is_beside_weights(name: str) -> bool:
    """Whether a tensor only says how others are packed."""
    return name.endswith(_BESIDE)


def _prediction(header: Header) -> tuple[bool, bool]:
    """(v-prediction, zero terminal SNR), by the marker tensors or by what trainers write beside the tensors."""
    said = {key: value.strip().lower() for key, value in header.metadata.items()}
    predicts_v = (
        "v_pred" in header.tensors
        or said.get("modelspec.prediction_type", "").startswith("v")
        or said.get("ss_v_parameterization") in _TRUE
    )
    return predicts_v, "ztsnr" in header.tensors or said.get("ss_zero_terminal_snr") in _TRUE


def _scales(path: Path, header: Header) -> Iterator[tuple[str, str]]:
    for key, tensor in header.tensors.items():
        if key.endswith(_SCALES):
            weight = key.rpartition(".")[0] + ".weight"
            if not _can_be_scaled(header.tensors.get(weight), tensor):
                why = f"{weight} is quantised in a way that is not read here"
                raise ModelLoadFailed(path.stem, why, "choose the fp16 or bf16 file of it")
            yield weight, key
        elif not key.endswith(_BESIDE) and tensor.dtype in ("U8", "I8") and len(tensor.shape) > 1:
            why = f"{key} is quantised in a way that is not read here"
            raise ModelLoadFailed(path.stem, why, "choose the fp16 or bf16 file of it")


def _can_be_scaled(weight: Tensor | None, scale: Tensor) -> bool:
    """One scale for all of the weights, or one for each row."""
    if weight is None or weight.dtype not in FLOAT8 or scale.dtype not in ("F32", "F16", "BF16"):
        return False
    sizes = [side for side in scale.shape if side != 1]
    return not sizes or (sizes == [weight.shape[0]] and scale.shape[0] == weight.shape[0])
