"""The progress bar of a training run."""

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from engine.pocket.train import Progress as Step


class TrainingBar:
    """A bar in seconds of training; it starts in the process that calls it first, so it may travel there."""

    def __init__(self, minutes: float) -> None:
        self._total = minutes * 60
        self._progress: Progress | None = None

    def __call__(self, done: Step) -> None:
        """Show one finished step."""
        if self._progress is None:
            self._progress = Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._progress.add_task("", total=self._total)
            self._progress.start()
        words = f"step {done.step}, {done.pictures:,} pictures, loss {done.loss:.3f}"
        self._progress.update(self._progress.task_ids[0], completed=done.seconds, description=words)
        if done.seconds >= self._total:
            self._progress.stop()
