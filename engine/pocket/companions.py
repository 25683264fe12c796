"""Training the denoiser's small companion from the same art: the picture encoder."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.pocket.canvas import Canvas
from engine.pocket.data import Collection
from engine.pocket.pose import Pose
from engine.pocket.scenes import SceneWriter
from engine.pocket.text import SentenceEncoder
from engine.pocket.vision import PictureEncoder

_TEMPERATURE = 0.05


def train_picture_encoder(
    cache: Path, weights: Path, folder: Path, minutes: float, advance: Callable[[float], None], seed: int = 6
) -> None:
    """Learn to say in the space of the text encoder in `weights` what a picture shows; writes `folder`."""
    torch.manual_seed(seed)
    collection = Collection.load(cache)
    canvas = Canvas(collection, torch.device("cpu"))
    writer = SceneWriter(collection.sprites, canvas.colours(), seed)
    sentences = SentenceEncoder(weights)
    labels = sorted({sprite.label for sprite in collection.sprites})
    styles = tuple(dict.fromkeys(sprite.style for sprite in collection.sprites))
    anchors = sentences.embed(labels)
    place = {label: index for index, label in enumerate(labels)}
    model = PictureEncoder(styles)

    def loss() -> Tensor:
        scenes = [writer.scene(composed=0.0) for _ in range(64)]
        shown = [collection.sprites[scene.drawings[0]] for scene in scenes]
        embedding, style = model(_worn(canvas.paint(scenes, Pose.of(torch.randn(len(scenes), 1, 8, 8)))))
        label = F.cross_entropy(
            embedding @ anchors.T / _TEMPERATURE, torch.tensor([place[each.label] for each in shown])
        )
        words = sentences.embed([scene.subject for scene in scenes]).clone()
        return (
            label
            + 4 * (1 - (embedding * words).sum(-1)).mean()
            + 0.3 * F.cross_entropy(style, torch.tensor([styles.index(each.style) for each in shown]))
        )

    for seconds in descend(model, loss, minutes, rate=1e-3):
        advance(seconds)
    model.save(folder)


def descend(model: nn.Module, loss: Callable[[], Tensor], minutes: float, rate: float) -> Iterator[float]:
    """AdamW by the clock: warm-up, cosine to zero; yields the seconds spent after every step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    started, step = time.monotonic(), 0
    while (seconds := time.monotonic() - started) < minutes * 60:
        part = seconds / (minutes * 60)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * part))
        with torch.autocast("cpu", torch.bfloat16):
            value = loss()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        yield seconds


def _worn(pictures: Tensor) -> Tensor:
    """Pictures as a half-trained model might draw them: a random loss of sharpness, a little noise."""
    edge = int(torch.randint(20, pictures.shape[-1] + 1, ()))
    blurred = F.interpolate(pictures, size=(edge, edge), mode="bilinear", antialias=True)
    blurred = F.interpolate(blurred, size=pictures.shape[-2:], mode="bilinear")
    return blurred + torch.randn_like(blurred) * 0.08 * torch.rand(())
