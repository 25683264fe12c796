"""The files of a game's messages. Before the reveal they say nothing but what is seen in them."""

from __future__ import annotations

from collections.abc import Collection

from bot.domain.games.any_game import AnyGame
from bot.domain.games.bluff import Bluff
from bot.domain.games.chains import picture_of, pictures_of
from bot.domain.games.corpse import Shape
from bot.domain.games.phases import Phase
from bot.domain.games.telephone import Telephone
from bot.domain.model import Job
from bot.domain.ports import Jobs, Pictures
from bot.errors import JobNotFound
from bot.ui.content import texts
from bot.ui.content.message_page import Upload
from bot.ui.pictures import folding
from bot.ui.pictures.compositing import Drawing

_MOST_FILES = 10


class GamePictures:
    """Reads the pictures of games from the stores."""

    def __init__(self, jobs: Jobs, pictures: Pictures, drawing: Drawing) -> None:
        self._jobs, self._pictures, self._drawing = jobs, pictures, drawing

    async def of(self, game: AnyGame, limit: int) -> tuple[Upload, ...]:
        """What the message of this phase shows, in at most `limit` bytes in all."""
        if isinstance(game, Telephone):
            return await self._of_telephone(game, limit)
        turn = game.turn
        if game.phase in (Phase.FAKE, Phase.VOTE) and turn is not None and turn.job_id:
            name = f"secret-{turn.number + 1}"
            return await self.secret(turn.job_id, name, f"Secret picture of turn {turn.number + 1}", limit)
        if game.phase is Phase.REVEAL and turn is not None and turn.job_id:
            return await self._open((turn.job_id,), limit)
        if game.is_over:
            return await self._strip(game, [done.job_id for done in game.done if done.job_id], limit)
        return ()

    async def secret(self, job_id: str, name: str, alt: str, limit: int) -> tuple[Upload, ...]:
        """A picture without a word about how it was made; nothing where it is there no more."""
        if (found := await self._found(job_id)) is None:
            return ()
        content, suffix = await self._drawing.plain(found[1], limit)
        return (Upload(f"{name}.{suffix}", content, alt, spoiler=found[0].spoiler),)

    async def hand(self, game: Telephone, chain: int, limit: int) -> tuple[Upload, ...]:
        """The picture that came with a hand, of a corpse its edge; nothing where it is there no more."""
        job_id, alt = game.came(chain), f"The picture that came to you in turn {game.step + 1}"
        if job_id is None:
            return ()
        if game.shape is None:
            return await self.secret(job_id, "your-hand", alt, limit)
        if (found := await self._found(job_id)) is None:
            return ()
        content, suffix = await self._drawing.run(folding.edge, found[1], game.shape, limit)
        alt = f"The edge that came to you in turn {game.step + 1}"
        return (Upload(f"your-hand.{suffix}", content, alt, spoiler=found[0].spoiler),)

    async def _of_telephone(self, game: Telephone, limit: int) -> tuple[Upload, ...]:
        if game.shape is not None:
            return await self._of_corpse(game, game.shape, limit)
        if game.phase is Phase.SHOW:
            return await self._open(pictures_of(game.told), limit)
        if game.is_over and game.best is not None:
            return await self._strip(game, pictures_of(game.chains[game.best]), limit)
        return ()

    async def _of_corpse(self, game: Telephone, shape: Shape, limit: int) -> tuple[Upload, ...]:
        """The newest picture holds all bands before it."""
        if game.phase is Phase.SHOW:
            newest = picture_of(game.told)
            return await self._open([newest] if newest else [], limit)
        if not game.is_over or game.best is None:
            return ()
        whole = [picture_of(game.chains[chain]) for chain in game.showable]
        found = [each for job_id in whole if job_id and (each := await self._found(job_id))]
        if len(found) < 2:
            return ()
        content, suffix = await self._drawing.run(folding.album, [picture for _, picture in found], shape, limit)
        alt = f"All {len(found)} figures of the game"
        spoiler = any(job.spoiler for job, _ in found)
        return (Upload(f"darkroom-game-{game.id}.{suffix}", content, alt, spoiler=spoiler),)

    async def _open(self, job_ids: Collection[str], limit: int) -> tuple[Upload, ...]:
        """Revealed pictures, as any other result."""
        found = [each for job_id in list(job_ids)[:_MOST_FILES] if (each := await self._found(job_id))]
        uploads: list[Upload] = []
        for job, picture in found:
            content, suffix = await self._drawing.fitted(picture, limit // len(found))
            uploads.append(Upload(texts.file_name(job, suffix, 0), content, texts.alt_text(job), spoiler=job.spoiler))
        return tuple(uploads)

    async def _strip(self, game: AnyGame, job_ids: Collection[str], limit: int) -> tuple[Upload, ...]:
        """Several pictures in one row: the album."""
        found = [each for job_id in job_ids if (each := await self._found(job_id))]
        if len(found) < 2:
            return ()
        content, suffix = await self._drawing.strip([picture for _, picture in found], limit)
        what = "turns" if isinstance(game, Bluff) else "the best chain"
        alt = f"The {len(found)} pictures of {what}, the first at the left"
        return (
            Upload(f"darkroom-game-{game.id}.{suffix}", content, alt, spoiler=any(job.spoiler for job, _ in found)),
        )

    async def _found(self, job_id: str) -> tuple[Job, bytes] | None:
        try:
            job, cells = await self._jobs.get(job_id), await self._jobs.cells(job_id)
            if not job.state.is_showable or not cells:
                return None
            return job, await self._pictures.get(cells[0].key)
        except (JobNotFound, KeyError):
            return None
