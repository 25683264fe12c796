"""Four times larger and sharp: a small super-resolution network in the layout ESRGAN tools read."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.pocket.checkpoint import naming

SCALE = 4


class Upscaler(nn.Module):
    """SRVGG "Compact" (Real-ESRGAN): plain convolutions at the small size, pixel shuffle, plus the enlarged input.

    Parameter names are those of Real-ESRGAN's `SRVGGNetCompact`, so spandrel and its kin load the file.

    Args:
        channels: Width of every convolution but the last.
        convolutions: Number of inner convolutions.
    """

    def __init__(self, channels: int = 32, convolutions: int = 8) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1), nn.PReLU(channels)]
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.PReLU(channels)]
        layers.append(nn.Conv2d(channels, 3 * SCALE**2, 3, padding=1))
        self.body = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> (B, 3, 4H, 4W), about [0, 1] (not clamped).

        Only what is added to the enlarged input is computed in the weights' number format.
        """
        base = F.interpolate(pictures, scale_factor=SCALE, mode="nearest")
        added = self.body(pictures.to(next(self.body.parameters()).dtype))
        return F.pixel_shuffle(added, SCALE).to(base) + base

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a Compact x4 file of any width and length.

        Raises:
            BrokenWeights: the file is missing, damaged or of another architecture.
        """
        with naming(file):
            state = {name: weight.float() for name, weight in load_file(file).items()}
            inner = sum(name.endswith("weight") and weight.ndim == 4 for name, weight in state.items()) - 2
            model = cls(channels=state["body.0.weight"].shape[0], convolutions=inner)
            model.load_state_dict(state, strict=True)
        return model.eval()

    def save(self, file: Path) -> None:
        """Write the weights in float16."""
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: weight.half().contiguous() for name, weight in self.state_dict().items()}, file)

    @torch.inference_mode()
    def enlarge(self, pictures: Tensor, tile: int = 192) -> Tensor:
        """Enlarge pictures (B, 3, H, W) in [0, 1] piece by piece: exact, and memory is bounded by `tile`."""
        reach = len(self.body) // 2 + 1  # every 3x3 convolution looks one pixel further
        result = pictures.new_empty(*pictures.shape[:2], *(SCALE * edge for edge in pictures.shape[2:]))
        height, width = pictures.shape[2:]
        for top in range(0, height, tile):
            for left in range(0, width, tile):
                bottom, right = min(top + tile, height), min(left + tile, width)
                above, before = min(reach, top), min(reach, left)
                piece = self(pictures[:, :, top - above : bottom + reach, left - before : right + reach])
                kept = piece[:, :, SCALE * above :, SCALE * before :]
                kept = kept[:, :, : SCALE * (bottom - top), : SCALE * (right - left)]
                result[:, :, SCALE * top : SCALE * bottom, SCALE * left : SCALE * right] = kept.clamp(0, 1)
        return result
