"""`darkroom train`: build the data, train the model, look at what it draws."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from engine.pocket import WEIGHTS
from engine.pocket.errors import PocketError

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
_console = Console()

Cache = Annotated[Path, typer.Option(help="Where the training set and the runs are kept.")]
Weights = Annotated[Path, typer.Option(help="The folder people load.")]
_CACHE = Path.home() / ".cache" / "darkroom" / "pocket"
_PICTURES = Path(__file__).with_name("pictures")


@app.command()
def data(
    cache: Cache = _CACHE,
    weights: Weights = WEIGHTS,
    art: Annotated[list[str] | None, typer.Option(help="Sets to build, all if left out; see DATA.md.")] = None,
) -> None:
    """Fetch and render the art, fetch and pack the text encoder (once; about five minutes)."""
    from engine.pocket.art import ART
    from engine.pocket.data import build
    from engine.pocket.teacher import pack_text_encoder

    cache.mkdir(parents=True, exist_ok=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console) as progress:
        tasks: dict[str, TaskID] = {}

        def advance(name: str) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=None)
            progress.advance(tasks[name])

        collection = build(cache, advance, tuple(each for each in ART if art is None or each.name in art))
    if not (weights / "text_encoder").exists():
        pack_text_encoder(cache, weights)
    _console.print(f"{len(collection.sprites)} drawings in {cache}")


@app.command()
def train(
    cache: Cache = _CACHE,
    weights: Weights = WEIGHTS,
    run: Annotated[Path | None, typer.Option(help="Folder of this run; an unfinished one is resumed.")] = None,
    minutes: Annotated[float, typer.Option(help="Length of the whole run; the learning rate follows it.")] = 120,
    processes: Annotated[int, typer.Option(help="Processes on a CPU, one thread each.")] = 2,
    batch: Annotated[int, typer.Option(help="Pictures per step and process.")] = 24,
    small_batch: Annotated[int, typer.Option(help="The same while pictures are half as large.")] = 32,
    small_until: Annotated[float, typer.Option(help="Share of the run that trains the sketch alone.")] = 0.65,
    conv_channels: Annotated[int, typer.Option(help="Width of the convolutions.")] = 128,
    width: Annotated[int, typer.Option(help="Width of the transformer.")] = 256,
    depth: Annotated[int, typer.Option(help="Blocks of the transformer.")] = 8,
    restart: Annotated[bool, typer.Option("--restart", help="Forget the run's checkpoint.")] = False,
    begin_with: Annotated[
        Path | None, typer.Option("--from", help="Begin with this weights folder's denoiser; its sizes are kept.")
    ] = None,
) -> None:
    """Train the denoiser, or go on with a run that was interrupted, and write it into `weights`."""
    from engine.pocket.export import export
    from engine.pocket.memory import FILE
    from engine.pocket.processes import train as start
    from engine.pocket.recipe import Recipe
    from engine.pocket.runs import CHECKPOINT, LOSSES, averaged
    from engine.pocket.sheets import loss_curve
    from engine.pocket.training_bar import TrainingBar

    run = run or cache / "run"
    if restart:
        (run / CHECKPOINT).unlink(missing_ok=True)
        (run / LOSSES).unlink(missing_ok=True)
    recipe = Recipe(
        minutes, batch, conv_channels, width, depth,
        small_until=small_until, small_batch=small_batch, begin_with=begin_with,
    )  # fmt: skip
    start(recipe, cache, run, weights, processes, TrainingBar(minutes))
    if not (weights / "text_encoder" / FILE).exists():
        memory(cache, weights)
    export(averaged(run), weights)
    loss_curve(run / LOSSES, _PICTURES / "loss.png")
    _console.print(f"written to {weights}; look at it with `python -m engine.pocket picture`")


@app.command()
def memory(cache: Cache = _CACHE, weights: Weights = WEIGHTS) -> None:
    """Write the drawings that the model looks at, and the words that bring them to mind, into `weights`."""
    from engine.pocket.export import write_hashes
    from engine.pocket.remember import write

    count = write(cache, weights)
    write_hashes(weights)
    _console.print(f"{count} drawings in {weights / 'text_encoder'}")


@app.command()
def companions(cache: Cache = _CACHE, weights: Weights = WEIGHTS, minutes: float = 10) -> None:
    """Train the picture encoder, which describes pictures."""
    from engine.pocket.companions import train_picture_encoder
    from engine.pocket.export import write_hashes
    from engine.pocket.vision import FOLDER

    with _clock("picture encoder", minutes) as advance:
        train_picture_encoder(cache, weights, weights / FOLDER.relative_to(WEIGHTS), minutes, advance)
    write_hashes(weights)


@app.command()
def edges(
    to: Annotated[Path, typer.Argument(help="Folder to write; name it as `edges` under controls of the model.")],
    cache: Cache = _CACHE,
    weights: Weights = WEIGHTS,
    run: Annotated[Path | None, typer.Option(help="Folder of this run; an unfinished one is resumed.")] = None,
    minutes: Annotated[float, typer.Option(help="Processor time of the whole run, on one core.")] = 60,
) -> None:
    """Train an adapter that keeps to the edges of a control picture, and print how many outlines it keeps of 60."""
    from engine.pocket import outlines, sampling
    from engine.pocket.control import EdgeRecipe, EdgeTrainer, averaged, export
    from engine.pocket.export import write_hashes

    run = run or cache / "edges"
    with _clock("edges", minutes) as advance:
        EdgeTrainer(EdgeRecipe(minutes), cache, run, weights).run(lambda seconds, _: advance(seconds))
    wanted, pipeline = outlines.outlines(cache), sampling.load(weights)
    for name, adapter in (("with control", averaged(run)), ("without", None)):
        found = outlines.shares(wanted, outlines.drawn(pipeline, wanted, adapter))
        _console.print(name, outlines.score(found))
    export(averaged(run), to)
    if to.resolve().is_relative_to(weights.resolve()):
        write_hashes(weights)
    _console.print(to)


@app.command()
def text(cache: Cache = _CACHE, weights: Weights = WEIGHTS, minutes: float = 15) -> None:
    """Distil a smaller text encoder and print how far it agrees with the shipped one (see TRAINING.md)."""
    from engine.pocket.distil import Distillation

    run = Distillation(cache, weights)
    with _clock("text encoder", minutes) as advance:
        run.learn(minutes, advance)
    size = sum(each.numel() for each in run.student.parameters())
    _console.print(f"{size / 1e6:.1f} million parameters")
    for kind, agreement in run.measured().items():
        _console.print(f"{kind}: {agreement}")


@app.command()
def judge(cache: Cache, to: Path, weights: Weights = WEIGHTS, minutes: float = 10) -> None:
    """Train a picture encoder on art that the model never saw (built into `cache`), to test the model with."""
    from engine.pocket.companions import train_picture_encoder

    with _clock("judge", minutes) as advance:
        train_picture_encoder(cache, weights, to, minutes, advance, seed=99)


@app.command()
def measure(judge: Path, cache: Cache = _CACHE, weights: Weights = WEIGHTS) -> None:
    """Print how often colour, background, objects and style are what the prompt asked for (see `obedience`)."""
    from engine.pocket import fair_judging, obedience, sampling
    from engine.pocket.data import Collection
    from engine.pocket.text import SentenceEncoder
    from engine.pocket.vision import FOLDER, PictureEncoder

    encoder, sentences = PictureEncoder.load(judge), SentenceEncoder(weights)
    own = PictureEncoder.load(weights / FOLDER.relative_to(WEIGHTS))
    collection = Collection.load(cache)
    known = [sprite.label for sprite in collection.sprites]
    draw = obedience.drawing_with(sampling.load(weights))
    _console.print("colour", obedience.obeys_colour(draw))
    _console.print("background", obedience.obeys_background(draw))
    _console.print("two objects", obedience.finds_both(draw, encoder, sentences, known))
    for name, way in fair_judging.ways(draw, collection).items():
        _console.print(f"top 5 of 200, {name}", obedience.is_recognised(way, encoder, sentences, known))
        _console.print(f"style, {name}", obedience.styles_told_apart(way, own))
        _console.print(f"nearest in style, {name}", fair_judging.nearest_in_style(way, collection))


@contextmanager
def _clock(words: str, minutes: float) -> Generator[Callable[[float], None]]:
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=_console) as progress:
        task = progress.add_task(words, total=minutes * 60)
        yield lambda seconds: progress.update(task, completed=seconds)


@app.command()
def sample(
    prompt: str, weights: Weights = WEIGHTS, count: int = 4, seed: int = 0, to: Path = Path("sample.png")
) -> None:
    """Draw one prompt `count` times into one picture."""
    from engine.pocket.sampling import load
    from engine.pocket.sampling import sample as draw
    from engine.pocket.sheets import sheet

    sheet(draw(load(weights), [prompt], range(seed, seed + count)), to, [prompt])
    _console.print(to)


@app.command()
def picture(weights: Weights = WEIGHTS, to: Path = _PICTURES) -> None:
    """Draw 12 prompts with 4 seeds each, and 16 samples coming out of static, at 64 pixels."""
    from engine.pocket import sampling
    from engine.pocket.sheets import sheet

    pipeline = sampling.load(weights)
    rows = sampling.sample(pipeline, sampling.CONTACT_SHEET, range(4))
    sheet(rows, to / "small-sheet.webp", sampling.CONTACT_SHEET, side=96, columns=3)
    sheet(sampling.out_of_static(pipeline), to / "out-of-static.webp", side=64)
    _console.print(to)


@app.command()
def check(weights: Weights = WEIGHTS) -> None:
    """Compare every weight file with its recorded hash."""
    from engine.pocket.export import verify

    _console.print(f"{verify(weights)} files are what they should be")


def main() -> None:
    """Run the command line; our own errors are one line, not a traceback."""
    try:
        app(prog_name="darkroom train")
    except PocketError as error:
        _console.print(str(error), style="red", markup=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
