"""How near the group gets to what it likes: `/evolve` against a random pick, the host alone, and one big batch.

`python -m tests.bench.evolve_votes 40 runs.jsonl [FOLDER]` draws with `pocket` and appends one line a run; a folder
keeps the pictures for the next time. `... table runs.jsonl` prints the means with their 95 % intervals. Eight members
have hidden tastes, vectors in the space of the embedded picture encoder, each of a picture drawn from the prompt with
words of that member's own. They mark what is nearer to their taste than half way between the mean and the best of what
is shown. What counts is the cosine between the final picture and the mean of the eight tastes.

Measured in 36 runs of 6 steps, cosine and [95 %]: random pick 0.716 [0.685, 0.746], one big batch of 13 pictures and
one vote 0.759 [0.732, 0.785], /evolve with 12.5 pictures 0.783 [0.761, 0.805]. Paired with the big batch /evolve is
0.024 [0.009, 0.042] nearer, two variations and a line in each generation 0.011 [-0.001, 0.025] (35 runs), a batch
whose last three have members' lines -0.001 [-0.014, 0.013]; the host alone, in 21 of the runs and with two variations
and a line, -0.044 [-0.079, -0.010]. The design was chosen among three on the first 21 of these runs.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.domain.jobs.stored_files import pack_frames, unpack_frames
from engine import Engine, EngineSettings, Finished, ImageRequest, ImageToImage, open_picture

SUBJECTS = ("dragon", "cat", "castle", "robot", "ship", "bird", "fish", "tree", "house", "car", "horse", "flower")
COLOURS = ("red", "blue", "green", "yellow", "purple", "orange", "pink", "white")
PLACES = ("in the snow", "on a beach", "under a night sky", "on grass", "at sunset", "on a blue background")
STYLES = ("3d", "flat", "cartoon", "retro", "glossy gradient")
MEMBERS, ROUNDS, AT_ONCE = 8, 4, 8
STEPS = 6
"""`num_inference_steps`: half of pocket's default, for twice as many runs."""
NOISE = 0.02
"""Standard deviation of what members see wrong, in cosine."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawn picture, its words, and where it lies in the encoder's space."""

    png: bytes
    prompt: str
    vector: np.ndarray


@dataclass(frozen=True, eq=False)
class Design:
    """How generations are made after the first four pictures, and when they end."""

    strengths: tuple[float, ...] = (0.9, 0.75, 0.6)
    """Of the variations, by generation."""
    variations: tuple[int, ...] = (0, 0, 2)
    wild: tuple[int, ...] = (3, 3, 1)
    """How many members' lines are drawn, by generation."""
    patience: int = 2
    """It ends when a winner was kept so often in a row."""


DESIGNS = {
    "evolve": Design(),
    "two variations and a line": Design(variations=(2, 2, 2), wild=(1, 1, 1)),
}
"""Further ones are added here to be compared in the same runs."""


class Studio:
    """Draws with pocket, and looks with its picture encoder."""

    def __init__(self, engine: Engine, cache: Path | None = None) -> None:
        import torch

        from engine.pocket.vision import PictureEncoder

        self._engine, self._torch, self._encoder = engine, torch, PictureEncoder.load()
        self._cache = cache
        self.drawn = 0

    async def draw(
        self, prompt: str, seed: int, count: int, *, start: bytes | None = None, strength: float = 1.0
    ) -> list[Picture]:
        """Pictures from words, or from a picture."""
        common: dict[str, Any] = {"prompt": prompt, "seed": seed, "num_images": count, "model": "pocket"}
        common["num_inference_steps"] = STEPS
        is_fresh = start is None or strength >= 1.0
        key = repr((sorted(common.items()), None if is_fresh else (hashlib.sha256(start or b"").hexdigest(), strength)))
        kept = self._cache and self._cache / hashlib.sha256(key.encode()).hexdigest()
        if kept and kept.exists():
            return [self._picture(png, prompt) for png in unpack_frames(kept.read_bytes())]
        request = ImageRequest(**common) if is_fresh else ImageToImage(image=start, strength=strength, **common)
        async for event in self._engine.submit(await self._engine.resolve(request)):
            if isinstance(event, Finished):
                self.drawn += count
                if kept:
                    kept.write_bytes(pack_frames([image.png for image in event.images]))
                return [self._picture(image.png, prompt) for image in event.images]
        raise RuntimeError("nothing was drawn")

    def _picture(self, png: bytes, prompt: str) -> Picture:
        return Picture(png, prompt, self._seen(png))

    def _seen(self, png: bytes) -> np.ndarray:
        pixels = np.asarray(open_picture(png).convert("RGB"), dtype=np.float32) / 127.5 - 1.0
        with self._torch.inference_mode():
            vectors, _ = self._encoder(self._torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None])
        return vectors[0].numpy()


@dataclass(frozen=True, eq=False)
class Member:
    """Somebody with a hidden taste, and the words for it."""

    taste: np.ndarray
    words: tuple[str, ...]


def marks(member: Member, shown: Sequence[Picture], dice: random.Random) -> list[int]:
    """The pictures that a member approves of."""
    liked = [float(picture.vector @ member.taste) + dice.gauss(0.0, NOISE) for picture in shown]
    bar = (sum(liked) / len(liked) + max(liked)) / 2
    return [slot for slot, value in enumerate(liked) if value >= bar]


def ranked(voters: Sequence[Member], shown: Sequence[Picture], dice: random.Random) -> list[int]:
    """The slots, those with the most marks first; ties by dice."""
    votes = [slot for member in voters for slot in marks(member, shown, dice)]
    order = dice.sample(range(len(shown)), len(shown))
    return sorted(order, key=lambda slot: -votes.count(slot))


async def evolved(
    studio: Studio,
    design: Design,
    first: Sequence[Picture],
    members: Sequence[Member],
    voters: Sequence[Member],
    seed: int,
) -> tuple[Picture, int]:
    """The last winner, and how many pictures were drawn for it, the first four included."""
    dice, shown, cost = random.Random(seed), list(first), len(first)
    served = [0] * len(members)
    kept = 0
    before: Picture | None = None
    for number in range(1, ROUNDS + 1):
        winner = shown[ranked(voters, shown, dice)[0]]
        kept = kept + 1 if winner is before else 0
        if kept == design.patience or number == ROUNDS:
            return winner, cost
        before, shown, base = winner, [winner], seed + 10 * number
        strength, varied, wild = (each[number - 1] for each in (design.strengths, design.variations, design.wild))
        if varied:
            shown += await studio.draw(winner.prompt, base, varied, start=winner.png, strength=strength)
        for card in range(wild):
            there = [member for member in range(len(members)) if members[member] in voters]
            turn = min(there, key=lambda member: (served[member], dice.random()))
            served[turn] += 1
            words = f"{winner.prompt}, {dice.choice(members[turn].words)}"
            shown += await studio.draw(words, base + 5 + card, 1)
        cost += len(shown) - 1
        dice.shuffle(shown)
    raise AssertionError


async def one_run(studio: Studio, number: int) -> dict[str, Any]:
    """Every way once, from the same first four pictures."""
    dice = random.Random(number)
    subject = dice.choice(SUBJECTS)
    prompt, seed = f"a {subject}", 100_000 * (number + 1)
    members: list[Member] = []
    for member in range(MEMBERS):
        words = (dice.choice(COLOURS), dice.choice(PLACES), dice.choice(STYLES))
        liked = await studio.draw(f"a {words[0]} {subject} {words[1]}, {words[2]}", seed + 50_000 + member, 1)
        members.append(Member(liked[0].vector, words))
    mean = np.mean([member.taste for member in members], axis=0)
    mean /= np.linalg.norm(mean)
    first = await studio.draw(prompt, seed, 4)
    more = [picture for part in range(3) for picture in await studio.draw(prompt, seed + 100 + 10 * part, 3)]
    batch = [*first, *more]
    lined: list[Picture] = []
    for member in dice.sample(members, 3):
        lined += await studio.draw(f"{prompt}, {dice.choice(member.words)}", seed + 200 + len(lined), 1)
    batch_with_lines = [*batch[:-3], *lined]
    found: dict[str, tuple[Picture, int]] = {
        "random pick": (dice.choice(first), 4),
        "best of the first four": (first[ranked(members, first, dice)[0]], 4),
        "one big batch": (batch[ranked(members, batch, dice)[0]], len(batch)),
        "one big batch with lines": (batch_with_lines[ranked(members, batch_with_lines, dice)[0]], len(batch)),
    }
    for name, design in DESIGNS.items():
        found[name] = await evolved(studio, design, first, members, members, seed + 1000)
    found["host alone"] = await evolved(studio, DESIGNS["evolve"], first, members, members[:1], seed + 1000)
    return {
        "run": number, "prompt": prompt,
        **{name: [round(float(picture.vector @ mean), 4), cost] for name, (picture, cost) in found.items()},
    }  # fmt: skip


async def draw_runs(wanted: range, out: Path, cache: Path | None = None) -> None:
    """Append a line for each run."""
    settings = EngineSettings(devices=("cpu",), threads=1, load_timeout_s=600.0)
    async with Engine(settings) as engine:
        engine.load()
        studio, gate = Studio(engine, cache), asyncio.Semaphore(AT_ONCE)

        async def run(number: int) -> None:
            async with gate:
                line = json.dumps(await one_run(studio, number))
            with out.open("a") as file:
                file.write(f"{line}\n")

        await asyncio.gather(*(run(number) for number in wanted))


def table(lines: Sequence[dict[str, Any]], baseline: str = "one big batch") -> str:
    """Means with bootstrap intervals of 95 %, and the paired difference to one big batch."""
    rng = np.random.default_rng(0)
    names = [name for name in lines[0] if name not in ("run", "prompt")]
    values = {name: np.array([line[name][0] for line in lines]) for name in names}
    picks = rng.integers(0, len(lines), (10_000, len(lines)))

    def interval(sample: np.ndarray) -> str:
        low, high = np.percentile(sample[picks].mean(axis=1), (2.5, 97.5))
        return f"{sample.mean():+.3f} [{low:+.3f}, {high:+.3f}]"

    rows = [f"{len(lines)} runs", f"{'':26} {'pictures':>8} {'cosine to the mean taste':26} {'minus ' + baseline}"]
    for name in names:
        cost = np.mean([line[name][1] for line in lines])
        rows.append(f"{name:26} {cost:8.1f} {interval(values[name]):26} {interval(values[name] - values[baseline])}")
    return "\n".join(rows)


def main() -> None:
    """Draw, or print the table."""
    what, out = sys.argv[1], Path(sys.argv[2])
    if what != "table":
        first, _, last = what.rpartition("-")
        asyncio.run(draw_runs(range(int(first or 0), int(last)), out, Path(sys.argv[3]) if sys.argv[3:] else None))
    print(table([json.loads(line) for line in out.read_text().splitlines()]))


if __name__ == "__main__":
    main()
