"""`darkroom imagine`: one request through the real engine, with progress, to PNG files."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bot.cli.picture_folder import PictureFolder
from bot.settings import Settings, load
from engine import (
    Engine,
    Event,
    Finished,
    ImageRequest,
    ImageToImage,
    Inpaint,
    InvalidRequest,
    Queued,
    Started,
)
from engine import Progress as Step
from engine.settings import EngineSettings, ModelSettings

_OPTIONS = {
    "num_inference_steps": "--steps",
    "guidance_scale": "--guidance",
    "num_images": "--count",
    "negative_prompt": "--negative",
}
"""Where the engine's word for an option is another."""


def imagine(
    prompt: Annotated[str, typer.Argument(help="What to draw.")],
    model: Annotated[str, typer.Option(help="A model's name, a local folder or a .safetensors file.")] = "",
    negative: Annotated[str, typer.Option(help="What should not be there.")] = "",
    seed: Annotated[int | None, typer.Option(help="Same seed, same picture.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How strongly the prompt steers.")] = None,
    width: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    count: Annotated[int, typer.Option(help="How many pictures.")] = 4,
    image: Annotated[Path | None, typer.Option(help="Start from this picture.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Redraw only where this picture is white.")] = None,
    strength: Annotated[float, typer.Option(help="How far to leave --image behind, 0 to 1.")] = 0.7,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("out"),
    config: Annotated[Path | None, typer.Option(help="Configuration file.")] = None,
) -> None:
    """Draw pictures from words and save them as PNG files that carry their own recipe."""
    settings = load(config)
    engine, name = _engine_settings(settings, model)
    wish: dict[str, Any] = {
        "prompt": prompt,
        "negative_prompt": negative,
        "model": name,
        "num_inference_steps": steps,
        "guidance_scale": guidance,
        "width": width,
        "height": height,
        "num_images": count,
    }
    if seed is not None:
        wish["seed"] = seed
    try:
        asyncio.run(_draw(Engine(engine), _request(wish, image, mask, strength), PictureFolder(out)))
    except InvalidRequest as error:
        raise InvalidRequest(_OPTIONS.get(error.field, error.field), error.why) from error


def _engine_settings(settings: Settings, model: str) -> tuple[EngineSettings, str]:
    """A path becomes a model of that name, for this run only."""
    path = Path(model).expanduser()
    if not model or not (path.exists() or "/" in model or model.endswith(".safetensors")):
        return settings.engine, model
    name = re.sub(r"[^a-z0-9.-]+", "-", path.stem.lower()).strip("-") or "model"
    models = {**settings.engine.models, name: ModelSettings(source=str(path.resolve()))}
    return settings.engine.model_copy(update={"models": models}), name


def _request(wish: dict[str, Any], image: Path | None, mask: Path | None, strength: float) -> ImageRequest:
    if image is None:
        if mask is not None:
            raise InvalidRequest("mask", "needs --image as well")
        return ImageRequest(**wish)
    wish |= {"image": _read("image", image), "strength": strength}
    return Inpaint(**wish, mask=_read("mask", mask)) if mask else ImageToImage(**wish)


def _read(field: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(field, f"{path} cannot be read: {error.strerror}") from error


async def _draw(engine: Engine, request: ImageRequest, folder: PictureFolder) -> None:
    asked, console = await engine.resolve(request), Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("starting the engine", total=None)
            async with engine:
                async for event in engine.submit(asked):
                    bar.update(task, **_words(event))
                    _keep(event, request.seed, folder, console)
    finally:
        folder.clear(request.seed)


def _words(event: Event) -> dict[str, Any]:
    match event:
        case Queued():
            return {"description": "waiting"}
        case Started():
            return {"description": "loading the model"}
        case Step(step=step, steps=steps):
            return {"description": "denoising", "completed": step, "total": steps}
        case Finished():
            return {"description": "done"}


def _keep(event: Event, seed: int, folder: PictureFolder, console: Console) -> None:
    """Save what can be seen: the newest preview while it runs, the pictures at the end."""
    if isinstance(event, Step) and event.preview:
        folder.show(seed, event.preview.image)
    if not isinstance(event, Finished):
        return
    for note in event.notes:
        console.print(note)
    for path in [folder.keep(picture.seed, picture.png) for picture in event.images]:
        typer.echo(path)
    console.print(f"{event.gpu_ms / 1000:.1f} s of device time")
