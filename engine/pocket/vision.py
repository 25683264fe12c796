"""Pictures into the text encoder's space: what is on it, and how well it matches a prompt."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import json
from itertools import pairwise
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.pocket import WEIGHTS
from engine.pocket.checkpoint import naming

SIZE = 64
FOLDER = WEIGHTS / "vision"
_FILE, _CONFIG = "model.safetensors", "config.json"


class PictureEncoder(nn.Module):
    """A small convolutional network: picture -> sentence embedding of what it shows, and its drawing style.

    Args:
        styles: Style words, in the order of the style scores.
        channels: Width of the first stage; doubles three times.
        dimensions: Width of the text encoder's sentence embedding.
    """

    def __init__(self, styles: tuple[str, ...], channels: int = 32, dimensions: int = 384) -> None:
        super().__init__()
        self.styles, self.channels = styles, channels
        widths = [channels * 2**stage for stage in range(4)]
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 5, stride=2, padding=2)]
        for before, after in pairwise(widths):
            layers += [_Residual(before), nn.Conv2d(before, after, 3, stride=2, padding=1)]
        self.body = nn.Sequential(*layers, _Residual(widths[-1]), nn.GroupNorm(8, widths[-1]), nn.SiLU())
        self.to_text = nn.Linear(2 * widths[-1], dimensions)
        self.to_style = nn.Linear(2 * widths[-1], len(styles))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) in [-1, 1] -> unit embeddings (B, 384) and style scores (B, styles)."""
        if pictures.shape[-2:] != (SIZE, SIZE):
            pictures = F.interpolate(pictures, size=(SIZE, SIZE), mode="bilinear", antialias=True)
        features = self.body(pictures)
        pooled = torch.cat((features.mean((2, 3)), features.amax((2, 3))), dim=1)
        return F.normalize(self.to_text(pooled), dim=-1), self.to_style(pooled)

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Self:
        """Read what `save` wrote, ours by default.

        Raises:
            BrokenWeights: the file is missing, damaged or belongs to something else.
        """
        with naming(folder / _FILE):
            config = json.loads((folder / _CONFIG).read_text())
            model = cls(tuple(config["styles"]), config["channels"])
            model.load_state_dict({name: each.float() for name, each in load_file(folder / _FILE).items()})
        return model.eval()

    def save(self, folder: Path = FOLDER) -> None:
        """Write config.json and the weights in float16."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _CONFIG).write_text(json.dumps({"styles": self.styles, "channels": self.channels}) + "\n")
        save_file({name: each.half().contiguous() for name, each in self.state_dict().items()}, folder / _FILE)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(8, channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)
