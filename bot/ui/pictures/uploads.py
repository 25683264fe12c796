"""The one door for people's pictures: Discord's own hosts, https, small, still, decoded off the event loop."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

import aiohttp
import discord
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_fixed

from bot.domain.ports import Pictures
from bot.errors import BadPicture
from bot.ui.pictures.compositing import Drawing
from engine import InvalidRequest

MAX_BYTES = 25 * 1024 * 1024
TIMEOUT_S = 15.0
TRIES, AGAIN_S = 3, 1.0
UNFETCHED = "it could not be fetched from Discord; try again"

Fetch = Callable[[discord.Attachment], Awaitable[bytes]]


class Download:
    """Downloads attachments from the allowed origins only: no redirects, limited bytes and time."""

    def __init__(self, origins: Collection[str], *, max_bytes: int = MAX_BYTES, timeout_s: float = TIMEOUT_S) -> None:
        self._origins, self._max_bytes = frozenset(origins), max_bytes
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def __call__(self, attachment: discord.Attachment) -> bytes:
        """The bytes behind an attachment. Raises `BadPicture`."""
        return await self.fetch(attachment.url)

    async def fetch(self, url: str) -> bytes:
        """The bytes at an address. Raises `BadPicture` for other hosts, redirects, and what is too large or slow."""
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" not in self._origins:
            raise BadPicture("only pictures uploaded to Discord are taken; upload the file instead of a link")
        again = AsyncRetrying(
            retry=retry_if_exception(_is_passing), stop=stop_after_attempt(TRIES), wait=wait_fixed(AGAIN_S),
            reraise=True,
        )  # fmt: skip
        try:
            return await again(self._once, url)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise BadPicture(UNFETCHED) from error

    async def _once(self, url: str) -> bytes:
        async with (
            aiohttp.ClientSession(timeout=self._timeout, auto_decompress=False) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status == 429 or response.status >= 500:
                response.raise_for_status()
            if response.status != 200:
                raise BadPicture("Discord no longer has that file; upload it again")
            return await self._read(response)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(64 * 1024):
            content += chunk
            if len(content) > self._max_bytes:
                raise too_heavy(self._max_bytes)
        return bytes(content)


class Intake:
    """Takes an uploaded picture and keeps it under the name of its content."""

    def __init__(self, fetch: Fetch, drawing: Drawing, pictures: Pictures) -> None:
        self._fetch, self._drawing, self._pictures = fetch, drawing, pictures

    async def take(self, attachment: discord.Attachment, field: str = "image") -> str:
        """The key under which the picture (or "mask") is kept. Raises `BadPicture` with what is wrong."""
        return await self.keep(await self.fetched(attachment), field)

    async def fetched(self, attachment: discord.Attachment) -> bytes:
        """The file as it was uploaded. Raises `BadPicture` with what is wrong."""
        if attachment.size > MAX_BYTES:
            raise too_heavy(MAX_BYTES)
        try:
            async with asyncio.timeout(TIMEOUT_S * 2):
                return await self._fetch(attachment)
        except TimeoutError as error:
            raise BadPicture(UNFETCHED) from error

    async def keep(self, content: bytes, field: str = "image") -> str:
        """Decode, strip everything but the pixels, and keep. Raises `BadPicture`."""
        try:
            png = await self._drawing.normalised(content, field)
        except InvalidRequest as error:
            raise BadPicture(error.why) from error
        return await self.store(png)

    async def store(self, png: bytes) -> str:
        """Store a picture that the bot made."""
        key = f"uploads/{hashlib.sha256(png).hexdigest()}.png"
        await self._pictures.put(key, png)
        return key


def _is_passing(error: BaseException) -> bool:
    """Whether another try may succeed at once; what was slow would be slow again."""
    return isinstance(error, (aiohttp.ClientError, OSError)) and not isinstance(error, TimeoutError)


def too_heavy(limit: int) -> BadPicture:
    """What to say about a file of too many bytes."""
    return BadPicture(f"it is too heavy; at most {limit // 2**20} MB are taken")
