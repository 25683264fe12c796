"""Figures for people: labelled rows of pictures, and the loss curve."""

# matplotlib leaves many types open
# pyright: reportUnknownMemberType=false

import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_GAP = 6


def sheet(
    rows: Sequence[Sequence[Image.Image]], path: Path, titles: Sequence[str] = (), side: int = 128, columns: int = 1
) -> None:
    """Write rows of pictures, `columns` rows beside each other; with `titles`, each row under its words."""
    font = ImageFont.load_default(13)
    head = 18 if titles else 0
    width = max(len(row) for row in rows) * side + _GAP * 2
    lines = -(-len(rows) // columns)
    canvas = Image.new("RGB", (columns * width, lines * (side + head + _GAP)), "white")
    pen = ImageDraw.Draw(canvas)
    for index, row in enumerate(rows):
        left, top = (index % columns) * width + _GAP, (index // columns) * (side + head + _GAP)
        if titles:
            pen.text((left + 2, top + 1), titles[index], fill="black", font=font)
        for column, picture in enumerate(row):
            enlarged = picture.resize((side, side), Image.Resampling.BICUBIC)
            canvas.paste(enlarged, (left + column * side, top + head))
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path, quality=82)


def loss_curve(log: Path, path: Path, window: int = 25) -> None:
    """Draw a run's losses (raw and a running mean) over its minutes."""
    from matplotlib import pyplot

    rows = [json.loads(line) for line in log.read_text().splitlines()]
    minutes, losses = [row[2] / 60 for row in rows], [row[3] for row in rows]
    recent = [losses[max(0, index - window) : index + 1] for index in range(len(rows))]
    means = [sum(each) / len(each) for each in recent]
    figure, axes = pyplot.subplots(figsize=(7, 3), layout="constrained")
    axes.semilogy(minutes, losses, color="#c9c9c9", linewidth=0.7, label="step")
    axes.semilogy(minutes, means, color="#c0392b", label=f"mean of {window} steps")
    axes.set(xlabel="minutes of training", ylabel="velocity loss", title=f"{rows[-1][1]:,} pictures")
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
