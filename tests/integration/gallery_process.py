"""The gallery as a process, over a hall with real pictures: `python -m tests.integration.gallery_process FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from PIL import Image, ImageDraw

from bot.domain.model import CellRef, JobSpec, Options, Place, Verb
from bot.gallery.server import serve
from engine import encode_png
from tests.bot.gallery.discord_stand_in import CLIENT_ID, SECRET, discord
from tests.bot.gallery.hall import ADA, AGREES, BO, GUILD, hall

SHAPES = ("red circle", "green square", "blue circle", "orange square", "purple circle", "teal square")


def drawn(words: str, number: int) -> bytes:
    colour, shape = words.split()
    picture = Image.new("RGB", (256, 256), "white")
    box = (40 + 8 * number, 40, 200 + 8 * number, 200)
    draw = ImageDraw.Draw(picture)
    (draw.ellipse if shape == "circle" else draw.rectangle)(box, fill=colour)
    return encode_png(picture)


async def main(folder: Path) -> None:
    """Serve until stdin ends; the first line of stdout is the address."""
    async with hall(folder) as made, discord() as stand_in:
        await made.members.prefer(BO.id, AGREES)
        for number, words in enumerate(SHAPES * 5):
            pictures = [drawn(words, cell) for cell in range(4 if number % 3 else 1)]
            last = await made.hang(f"a {words}, no. {number}", by=(ADA, BO)[number % 2], pictures=pictures)
        source = CellRef(job_id=last.id, cell=0)
        spec = JobSpec(verb=Verb.VARY_STRONG, options=Options(prompt="varied"), seed=1, count=1, source=source)
        await made.hang(spec=spec, pictures=[drawn("teal circle", 1)])
        await made.hang("ada's secret", place=Place(guild_id=GUILD, channel_id=11), pictures=[drawn("black circle", 0)])
        signing = {"client_id": CLIENT_ID, "client_secret": SECRET, "discord": stand_in.origin}
        async with serve(made.plan.model_copy(update=signing), made.clock) as gallery:
            await gallery.keeper.turn()
            print(f"http://127.0.0.1:{gallery.port}", flush=True)
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
