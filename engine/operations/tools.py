"""The small networks beside the models: loaded at their first use, shared by all lanes of a device."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from engine.base.foreign_errors import reason
from engine.errors import ModelLoadFailed
from engine.model_files.tool_files import prove_upscaler
from engine.pocket.errors import BrokenWeights
from engine.pocket.everyday import EVERYDAY
from engine.pocket.text import embed
from engine.pocket.upscaler import SCALE, Upscaler
from engine.pocket.vision import FOLDER, PictureEncoder
from engine.realesrgan import FILE as REALESRGAN_FILE
from engine.realesrgan import NAME as REALESRGAN

if TYPE_CHECKING:
    # Each is imported with the host's own model: they need much of transformers, and nobody's first picture needs them.
    from engine.operations.captioner import Captioner
    from engine.operations.depth_estimator import DepthEstimator
    from engine.operations.pose_estimator import PoseEstimator
    from engine.operations.segmenter import Segmenter
    from engine.operations.writer import Writer


@dataclass(frozen=True, slots=True)
class SuperResolution:
    """A network (1, 3, height, width) -> (1, 3, scale * height, scale * width), in [0, 1]."""

    network: torch.nn.Module
    scale: int
    reach: int
    """The reach of its convolutions around a pixel, in input pixels."""
    name: str
    """What recipes call it."""


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
    segmenter_folder: Path | None = None
    """A segmentation model of the host's own."""
    writer_folder: Path | None = None
    """An instruct model of the host's own."""
    depth_folder: Path | None = None
    """A depth estimation model of the host's own."""
    pose_folder: Path | None = None
    """A pose estimation model of the host's own."""

    @cached_property
    def upscaler(self) -> SuperResolution:
        """The host's own network, else the embedded one. Raises `ModelLoadFailed`."""
        return self.embedded_upscaler if self.upscaler_file is None else self._foreign(self.upscaler_file)

    @cached_property
    def embedded_upscaler(self) -> SuperResolution:
        """Real-ESRGAN, which also enlarges what the built-in model draws. Raises `ModelLoadFailed`."""
        try:
            network = Upscaler.load(REALESRGAN_FILE)
        except BrokenWeights as error:
            remedy = "install Darkroom again, or name a file in the settings"
            raise ModelLoadFailed("upscaler", str(error), remedy) from error
        # Channels last: a third less time on processors.
        network = network.to(self.device, _quick_dtype(self.device))
        network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - not in its types
        return SuperResolution(network, SCALE, len(network.body) // 2 + 1, REALESRGAN)

    @cached_property
    def captioner(self) -> Captioner | None:
        """The host's own image-to-text model; None where the embedded encoder describes. Raises `ModelLoadFailed`."""
        if self.captioner_folder is None:
            return None
        from engine.operations.captioner import Captioner

        return Captioner.load(self.captioner_folder, self.device)

    @cached_property
    def segmenter(self) -> Segmenter | None:
        """The host's own segmentation model; None where nothing cuts out pictures. Raises `ModelLoadFailed`."""
        if self.segmenter_folder is None:
            return None
        from engine.operations.segmenter import Segmenter

        return Segmenter.load(self.segmenter_folder, self.device)

    @cached_property
    def writer(self) -> Writer | None:
        """The host's own instruct model; None where nothing writes prompts. Raises `ModelLoadFailed`."""
        if self.writer_folder is None:
            return None
        from engine.operations.writer import Writer

        return Writer.load(self.writer_folder, self.device)

    @cached_property
    def depth(self) -> DepthEstimator | None:
        """The host's own depth estimation model; None where nothing sees depth. Raises `ModelLoadFailed`."""
        if self.depth_folder is None:
            return None
        from engine.operations.depth_estimator import DepthEstimator

        return DepthEstimator.load(self.depth_folder, self.device)

    @cached_property
    def pose(self) -> PoseEstimator | None:
        """The host's own pose estimation model; None where nothing sees poses. Raises `ModelLoadFailed`."""
        if self.pose_folder is None:
            return None
        from engine.operations.pose_estimator import PoseEstimator

        return PoseEstimator.load(self.pose_folder, self.device)

    @cached_property
    def describer(self) -> Describer:
        """The embedded picture encoder. Raises `ModelLoadFailed`."""
        if not FOLDER.is_dir():
            raise ModelLoadFailed("describe", "the embedded picture encoder is not installed")
        encoder, labels = PictureEncoder.load().to(self.device), tuple(sorted(EVERYDAY))
        return Describer(encoder, labels, embed(labels), encoder.styles)

    def _foreign(self, file: Path) -> SuperResolution:
        prove_upscaler(file)
        try:
            # An extra, and it brings torchvision: imported only by hosts who configured such a file.
            import spandrel  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ModelLoadFailed(
                "upscaler", "spandrel is missing", "in Darkroom's folder: pip install -c constraints.txt '.[upscalers]'"
            ) from error
        try:
            loaded: Any = spandrel.ModelLoader(device=self.device).load_from_file(file)
        except spandrel.UnsupportedModelError as error:
            why = f"{file.name} is of no architecture that spandrel knows"
            raise ModelLoadFailed("upscaler", why, "choose another upscaler") from error
        except (LookupError, OSError, ValueError, RuntimeError) as error:
            why = f"{file.name} cannot be read: {reason(error)}"
            raise ModelLoadFailed("upscaler", why, "choose another upscaler") from error
        if not isinstance(loaded, spandrel.ImageModelDescriptor) or loaded.input_channels != 3:
            raise ModelLoadFailed("upscaler", f"{file.name} takes more than a picture", "choose another upscaler")
        return SuperResolution(loaded.model.eval(), loaded.scale, 16, file.stem)


def _quick_dtype(device: torch.device) -> torch.dtype:
    """Half of float32 where the device computes it: 2 to 4 times as fast, and the eye sees no difference."""
    if device.type != "cpu":
        return torch.float16
    is_native = torch.cpu._is_avx512_bf16_supported()  # pyright: ignore[reportPrivateUsage] - there is no public word
    return torch.bfloat16 if is_native else torch.float32
