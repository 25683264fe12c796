"""What `/privacy export` gives."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from tests.bot.court import Court


async def exported(court: Court, actor: Any) -> tuple[list[str], dict[str, list[dict[str, Any]]]]:
    """The uploads in an archive, and its rows."""
    result = await actor.slash(court.channel, "privacy export")
    assert result.response is not None
    with zipfile.ZipFile(io.BytesIO(await result.response.message.attachments[0].read())) as archive:
        names = [name for name in archive.namelist() if name.startswith("uploads/")]
        return names, json.loads(archive.read("records.json"))
