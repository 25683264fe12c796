"""Reads the headers of the bot's pictures in this process; SimCord starts a process for each picture."""

from __future__ import annotations

import io

from PIL import Image
from simcord.preview._media import MediaError, MediaInfo, MediaWorker


class OwnPictures(MediaWorker):
    """Serves pictures unchanged after reading their header; the browser decodes them.

    A process for each preview would take longer than a denoising step of the embedded model on the same cores.
    """

    async def validate(self, key: str, blob: bytes, *, media_time: float | None = None) -> MediaInfo:
        """Return format, size and number of frames. Raises `MediaError`."""
        try:
            with Image.open(io.BytesIO(blob)) as picture:
                (width, height), frames = picture.size, getattr(picture, "n_frames", 1)
                kind = picture.format or ""
        except OSError as error:
            raise MediaError("this file is no picture") from error
        return MediaInfo(kind, width, height, frames, 4 * width * height, blob, Image.MIME.get(kind, "image/png"))
