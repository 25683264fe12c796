"""`darkroom imagine`: runs a prompt through the engine, shows progress, and saves PNG files."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bot.cli.picture_folder import PictureFolder
from bot.domain.model import JobSpec, Options, Preferences, Verb
from bot.domain.prompting.derivation import DRAFTS, sheet_or
from bot.domain.prompting.engine_requests import Asker, Sources, Wording
from bot.domain.prompting.member_options import read
from bot.domain.prompting.prompt import expand
from bot.domain.prompting.repeats import repeated
from bot.errors import BadOption
from bot.settings import Settings, load
from engine import (
    MAX_SEED,
    Engine,
    EngineSettings,
    Event,
    Finished,
    ImageRequest,
    InvalidRequest,
    ModelSettings,
    Queued,
    Started,
)
from engine import Progress as Step

STRENGTH = 0.7
"""Default `strength` with --mask."""
_OPTIONS = {
    "num_inference_steps": "--steps",
    "guidance_scale": "--guidance",
    "num_images": "--count",
    "negative_prompt": "--negative",
}
"""Command-line option by name of the engine's request field, where they differ."""


def imagine(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(help="What to draw; may contain flags such as --ar 3:2.")],
    model: Annotated[str, typer.Option(help="A model's name, a local folder or a .safetensors file.")] = "",
    negative: Annotated[str, typer.Option(help="Negative prompt: what the pictures should not show.")] = "",
    seed: Annotated[
        int | None, typer.Option(help="Seed of the first picture; the same seed gives the same picture.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Number of denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale: how strongly the prompt steers.")] = None,
    width: Annotated[int | None, typer.Option(help="Width in pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Height in pixels.")] = None,
    count: Annotated[int, typer.Option(help="Number of pictures.")] = 4,
    image: Annotated[Path | None, typer.Option(help="Start from this picture.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Redraw --image only where this picture is white.")] = None,
    strength: Annotated[float | None, typer.Option(help="0 keeps --image, 1 ignores it.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("out"),
    config: Annotated[Path | None, typer.Option(help="Configuration file.")] = None,
) -> None:
    """Draw pictures from a prompt and save them as PNG files; each file contains its recipe."""
    settings = load(config)
    engine, name = _engine_settings(settings, model)
    given: dict[str, Any] = {
        "negative": negative or None, "model": name or None, "steps": steps, "guidance": guidance, "seed": seed,
        "strength": strength,
    }  # fmt: skip
    pictures = _Pictures.read(image, mask)
    if strength is not None and pictures.image is None:
        raise InvalidRequest("strength", "needs --image as well")
    drawn = Engine(engine)
    with _named_options(), drawn.importing(context.obj):
        asked: dict[str, Any] = {"count": count, "width": width, "height": height}
        options = repeated(_options(prompt, settings, given, pictures), pictures=count)
        requests = [_request(one, settings, drawn, pictures, **asked) for one in options]
        asyncio.run(_draw(drawn, requests, PictureFolder(out)))


@contextlib.contextmanager
def _named_options() -> Generator[None]:
    """Let errors name the options of the command line. Raises `InvalidRequest`."""
    try:
        yield
    except BadOption as error:
        raise InvalidRequest(error.word, error.hint) from error
    except InvalidRequest as error:
        raise InvalidRequest(_OPTIONS.get(error.field, error.field), error.why) from error


@dataclass(frozen=True)
class _Pictures:
    """The bytes of --image and --mask."""

    image: bytes | None = None
    mask: bytes | None = None

    @classmethod
    def read(cls, image: Path | None, mask: Path | None) -> Self:
        """Read the files. Raises `InvalidRequest`."""
        pictures = cls(_read("image", image), _read("mask", mask))
        if pictures.mask is not None and pictures.image is None:
            raise InvalidRequest("mask", "needs --image as well")
        return pictures


def _options(prompt: str, settings: Settings, given: Mapping[str, Any], pictures: _Pictures) -> list[Options]:
    """Return the options of each prompt. `given` options override flags; the engine checks them."""
    has_picture = pictures.image is not None
    read_all = (read(text, Preferences(), settings.styles, has_picture=has_picture) for text in expand(prompt))
    said = {key: value for key, value in given.items() if value is not None}
    return [options.model_copy(update=said) for options in read_all]


def _engine_settings(settings: Settings, model: str) -> tuple[EngineSettings, str]:
    """Return settings and model name; a path becomes a model of that name, for this run only."""
    path = Path(model).expanduser()
    if not model or not (path.exists() or "/" in model or model.endswith(".safetensors")):
        return settings.engine, model
    name = re.sub(r"[^a-z0-9.-]+", "-", path.stem.lower()).strip("-") or "model"
    models = {**settings.engine.models, name: ModelSettings(source=str(path.resolve()))}
    return settings.engine.model_copy(update={"models": models}), name


def _request(options: Options, settings: Settings, engine: Engine, pictures: _Pictures, **asked: Any) -> ImageRequest:
    """Return the engine request. Raises `BadOption` or `InvalidRequest`."""
    if options.draft:
        asked = {**asked, "count": DRAFTS}
    verb, images = (Verb.REGION, ()) if pictures.mask else (Verb.IMAGINE, ("image",) if pictures.image else ())
    if pictures.mask and options.strength is None:
        options = options.model_copy(update={"strength": STRENGTH})
    seed = secrets.randbelow(MAX_SEED + 1) if options.seed is None else options.seed
    verb = sheet_or(verb, options)
    # model_construct: the engine checks the values and names the wrong one.
    spec = JobSpec.model_construct(verb=verb, options=options, seed=seed, images=images, **asked)
    given = (pictures.image,) if pictures.image else ()
    request = Wording(settings.styles).request(spec, Sources(images=given, mask=pictures.mask), engine.size, Asker())
    if not pictures.mask:
        return request
    sized: dict[str, Any] = {**dict(request), "width": asked["width"], "height": asked["height"]}
    return type(request)(**sized)


def _read(field: str, path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise InvalidRequest(field, f"{path} cannot be read: {error.strerror}") from error


async def _draw(engine: Engine, requests: Sequence[ImageRequest], folder: PictureFolder) -> None:
    asked, console = [await engine.resolve(request) for request in requests], Console(stderr=True)
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
                for resolved in asked:
                    async for event in engine.submit(resolved):
                        bar.update(task, **_words(event))
                        _keep(event, resolved.request.seed, folder, console)
    finally:
        for request in requests:
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
    """Save the newest preview during the run, and the pictures at the end."""
    if isinstance(event, Step) and event.preview:
        folder.show(seed, event.preview.image)
    if not isinstance(event, Finished):
        return
    for note in event.notes:
        console.print(note, markup=False, highlight=False)
    for path in [folder.keep(picture.seed, picture.png) for picture in event.images]:
        typer.echo(path)
    console.print(f"{event.gpu_ms / 1000:.1f} s of device time")
