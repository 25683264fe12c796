"""The small networks beside the models: loaded at their first use, shared by all lanes of a device."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from engine.errors import ModelLoadFailed
from engine.operations.captioner import Captioner
from engine.pocket.everyday import EVERYDAY
from engine.pocket.text import embed
from engine.pocket.upscaler import FILE, SCALE, Upscaler
from engine.pocket.vision import FOLDER, PictureEncoder


@dataclass(frozen=True, slots=True)
class SuperResolution:
    """A network (1, 3, height, width) -> (1, 3, scale * height, scale * width), in [0, 1]."""

    network: torch.nn.Module
    scale: int
    reach: int
    """How far around a pixel it looks, in pixels of its input."""


@dataclass(frozen=True, slots=True)
class Describer:
    """A picture encoder with the labels it is compared with."""

    encoder: torch.nn.Module
    """(1, 3, height, width) in [-1, 1] -> unit embedding (1, dimensions), style scores (1, styles)."""
    labels: tuple[str, ...]
    anchors: torch.Tensor
    """The labels' unit embeddings, (labels, dimensions)."""
    styles: tuple[str, ...]


@dataclass
class Tools:
    """What operations need besides a model."""

    device: torch.device
    upscaler_file: Path | None = None
    """A super-resolution checkpoint of the host's own, as safetensors."""
    captioner_folder: Path | None = None
    """An image-to-text model of the host's own."""

    @cached_property
    def upscaler(self) -> SuperResolution:
        """The host's own network, else the embedded one. Raises `ModelLoadFailed`."""
        if self.upscaler_file is not None:
            return self._foreign(self.upscaler_file)
        if not FILE.is_file():
            raise ModelLoadFailed("upscaler", "the embedded network is not installed", "name a file in the settings")
        network = Upscaler.load().to(self.device)
        return SuperResolution(network, SCALE, len(network.body) // 2 + 1)

    @property
    def upscaler_name(self) -> str:
        """What recipes call the super-resolution network."""
        return "pocket" if self.upscaler_file is None else self.upscaler_file.stem

    @cached_property
    def captioner(self) -> Captioner | None:
        """The host's own image-to-text model; None where the embedded encoder describes. Raises `ModelLoadFailed`."""
        return None if self.captioner_folder is None else Captioner.load(self.captioner_folder, self.device)

    @cached_property
    def describer(self) -> Describer:
        """The embedded picture encoder. Raises `ModelLoadFailed`."""
        if not FOLDER.is_dir():
            raise ModelLoadFailed("describe", "the embedded picture encoder is not installed")
        encoder, labels = PictureEncoder.load().to(self.device), tuple(sorted(EVERYDAY))
        return Describer(encoder, labels, embed(labels), encoder.styles)

    def _foreign(self, file: Path) -> SuperResolution:
        if file.suffix != ".safetensors":
            raise ModelLoadFailed("upscaler", f"{file.name} is no safetensors file", "convert it first")
        try:
            # An extra, and it brings torchvision: imported only by hosts who configured such a file.
            from spandrel import ImageModelDescriptor, ModelLoader  # pyright: ignore[reportMissingImports]

            loaded: Any = ModelLoader(device=self.device).load_from_file(file)
        except ImportError as error:
            raise ModelLoadFailed("upscaler", "spandrel is missing", "pip install 'darkroom[upscalers]'") from error
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelLoadFailed("upscaler", f"{type(error).__name__}: {error}") from error
        if not isinstance(loaded, ImageModelDescriptor):
            raise ModelLoadFailed("upscaler", f"{file.name} takes more than a picture")
        return SuperResolution(loaded.model.eval(), loaded.scale, 16)
