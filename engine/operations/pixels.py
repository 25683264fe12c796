"""Pictures as arrays and tensors, masks, and one picture over another."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[Any]
"""One picture: floats of shape (height, width, 3) in [0, 1], or bytes where it is very large; the last of 4 channels is
alpha, which is not multiplied into the colours."""
OPAQUE = 250 / 255
"""From this alpha on nobody sees that a pixel is not opaque."""
UNSEEN_STRETCH = 1.25
"""Up to this factor between aspect ratios a picture is stretched to the drawn size instead of cropped."""


def pixels_of(picture: Image.Image) -> Pixels:
    """A picture as floats."""
    return np.asarray(picture.convert("RGB"), dtype=np.float32) / 255


def picture_of(pixels: Pixels) -> Image.Image:
    """Eight bits a channel, rounded."""
    if pixels.dtype == np.uint8:
        return Image.fromarray(pixels)
    return Image.fromarray((np.nan_to_num(pixels).clip(0, 1) * 255).round().astype(np.uint8))


def images_of(output: Any) -> Any:
    """The pictures of a pipeline's output: `images`, `image` (Kandinsky 5), or the output itself (Modular)."""
    return next((getattr(output, name) for name in ("images", "image") if hasattr(output, name)), output)


def arrays_of(images: Any) -> list[Pixels]:
    """A pipeline's pictures as float32 (height, width, 3) in [0, 1]; of 4 channels where some of it is transparent."""
    if isinstance(images, torch.Tensor):
        images = images.float().cpu().permute(0, 2, 3, 1).numpy()
    arrays = (np.asarray(image) for image in images)
    floats = (array / np.float32(255) if array.dtype == np.uint8 else array.astype(np.float32) for array in arrays)
    return [without_idle_alpha(array) for array in floats]


def without_idle_alpha(pixels: Pixels) -> Pixels:
    """The picture without an alpha channel that makes nothing transparent (Qwen-Image 2.1 always draws one)."""
    return pixels[..., :3] if pixels.shape[-1] == 4 and float(pixels[..., 3].min()) >= OPAQUE else pixels


def opaque(pixels: Pixels) -> Pixels:
    """The picture of 3 channels, over white where it is transparent."""
    if pixels.shape[-1] == 3:
        return pixels
    return over(pixels, 1.0)


def over(pixels: Pixels, background: float) -> Pixels:
    """A picture of 4 channels over a grey from 0 (black) to 1 (white)."""
    alpha = pixels[..., 3:].clip(0, 1)
    return pixels[..., :3] * alpha + np.float32(background) * (1 - alpha)


def flaw(cells: Sequence[Pixels]) -> str:
    """What is wrong with pictures that a model drew, in words, or "" if nothing is."""
    for cell in cells:
        if not np.isfinite(cell).all():
            return "numbers that are none (NaN)"
        if cell.shape[-1] == 4:
            if float(cell[..., 3].max()) < 1 / 255:
                return "a picture that is transparent all over"
            if float(cell[..., 3].max()) - float(cell[..., 3].min()) >= 1 / 255:
                continue  # its outline is a picture
        if float(cell.max()) - float(cell.min()) < 1 / 255:
            return "a blank picture"
    return ""


def tensor_of(picture: Image.Image) -> torch.Tensor:
    """(1, 3, height, width) in [0, 1]."""
    return torch.from_numpy(pixels_of(picture)).permute(2, 0, 1)[None].contiguous()


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The picture at another (width, height), over white where it is transparent."""
    pixels = opaque(pixels)
    if pixels.shape[1::-1] == size:
        return pixels
    return pixels_of(picture_of(pixels).resize(size, Image.Resampling.LANCZOS))


def inward_feather(mask: Image.Image, feather_px: int) -> Pixels:
    """How much of the new picture each pixel takes: 0 wherever the mask is black, rising inside of it.

    Where the mask is too narrow to rise over `feather_px`, it rises faster.
    """
    inside = (np.asarray(mask, dtype=np.float32) / 255 >= 0.5).astype(np.float32)
    while feather_px:
        soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(feather_px)), dtype=np.float32) / 255
        alpha = (2 * soft - 1).clip(0, 1) * inside
        if alpha.sum() > inside.sum() / 2:
            return alpha
        feather_px //= 2
    return inside


def fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """At that size: stretched a little where the shapes are nearly the same, else its middle."""
    stretch = picture.width / picture.height * size[1] / size[0]
    if 1 / UNSEEN_STRETCH < stretch < UNSEEN_STRETCH:
        return picture.resize(size, Image.Resampling.LANCZOS)
    return cover(picture, size)


def cover(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scaled to fill `size`, the middle kept."""
    scale = max(size[0] / picture.width, size[1] / picture.height)
    wide, high = round(picture.width * scale), round(picture.height * scale)
    left, top = (wide - size[0]) // 2, (high - size[1]) // 2
    whole = picture.resize((max(wide, size[0]), max(high, size[1])), Image.Resampling.LANCZOS)
    return whole.crop((left, top, left + size[0], top + size[1]))
