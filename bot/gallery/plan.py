"""`GalleryPlan`: all that the gallery's process is told. It does not get the bot's token."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from yarl import URL

from bot.domain.model import Value

DISCORD = "https://discord.com"


class GalleryPlan(Value):
    """The parts of the settings that the gallery needs; sent to its process as JSON."""

    data_dir: Path
    database: str = Field(repr=False)
    """SQLAlchemy URL of the bot's database."""
    pictures: str
    """Folder or URL of the picture store."""
    port: int
    listen: str = "127.0.0.1"
    url: str = ""
    """The address by which people reach the page; "" for the loopback address."""
    title: str = "Darkroom"
    client_id: int | None = None
    """Id of the Discord application."""
    client_secret: str = Field(default="", repr=False)
    discord: str = DISCORD
    """Origin of Discord's OAuth2 endpoints."""
    log_level: str = "info"
    log_format: str = "text"

    @property
    def can_sign_in(self) -> bool:
        """Whether members can sign in with Discord."""
        return self.client_id is not None and bool(self.client_secret)

    def origin(self, port: int) -> URL:
        """Return the address of the page, as it is written into links to itself; `port` is the one it listens on."""
        return URL(self.url).origin() if self.url else URL.build(scheme="http", host="127.0.0.1", port=port)
