"""Makes the contact sheet of TRAINING.md as members see pictures, enlarged: `python -m tests.contact_sheet`."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engine.pocket import sampling
from engine.pocket.sheets import sheet
from engine.pocket.upscaler import Upscaler
from engine.realesrgan import FILE

OUT = Path(__file__).parents[1] / "engine" / "pocket" / "pictures" / "contact-sheet.webp"


def main() -> None:
    """Draw, enlarge, lay out."""
    rows = sampling.sample(sampling.load(), sampling.CONTACT_SHEET, range(4))
    upscaler = Upscaler.load(FILE)
    sheet([[_enlarged(upscaler, each) for each in row] for row in rows], OUT, sampling.CONTACT_SHEET, 96, 3)


def _enlarged(upscaler: Upscaler, picture: Image.Image) -> Image.Image:
    small = torch.from_numpy(np.asarray(picture.convert("RGB"), dtype=np.float32) / 255)
    large = upscaler.enlarge(small.permute(2, 0, 1)[None])[0].permute(1, 2, 0)
    return Image.fromarray((large * 255).round().to(torch.uint8).numpy())


if __name__ == "__main__":
    main()
