"""The configuration: `config.toml` and the environment, resolved once, loudly, into a frozen value.

Order: environment (`DARKROOM_…`, nested by `__`, lists with commas) beats the file, the file beats the defaults.
`DISCORD_TOKEN` and `DISCORD_TOKEN_FILE` are understood as they are.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.environment import Environment
from bot.errors import ConfigError
from engine import ClusterSettings, EngineSettings, HomePath, Section, in_words

PREFIX = "DARKROOM_"
CONFIG_VARIABLE = "DARKROOM_CONFIG"
TOKEN_FORM = re.compile(r"[\w-]{20,}\.[\w-]{4,}\.[\w-]{20,}")


class DiscordSettings(Section):
    """How the bot meets Discord."""

    token: SecretStr = SecretStr("")
    """The bot's token. Better given as DISCORD_TOKEN, or a file named by DISCORD_TOKEN_FILE."""
    moderator_roles: tuple[int, ...] = ()
    """Roles that may use the moderator commands besides members with Manage Server."""
    picture_origins: tuple[str, ...] = ("https://cdn.discordapp.com", "https://media.discordapp.net")
    """The only places pictures are fetched from."""


class StyleSettings(Section):
    """A style members choose with `--style NAME`."""

    prompt: str = "{prompt}"
    """The prompt's template; `{prompt}` stands for what the member wrote, without it this is added to that."""
    negative: str = ""
    model: str | None = None
    loras: dict[str, float] = Field(default_factory=dict[str, float])
    steps: int | None = Field(default=None, ge=1, le=500)
    guidance: float | None = Field(default=None, ge=0, le=50)
    description: str = ""
    thumbnail: HomePath | None = None
    """A picture for the page members choose styles from."""


class DirectMessageSettings(Section):
    """The rules outside servers: in direct messages, and where members carry the bot along to."""

    allowed: bool = True
    limits: tuple[str, ...] = ()
    """Each member's own: "40 pictures a day", "600 gpu-seconds a month"."""
    timezone: str = "UTC"
    """In which the limits' days begin."""
    max_live_jobs: int | None = Field(default=None, ge=1)
    """How many jobs one member may have waiting and running."""
    words: tuple[str, ...] = ()
    """Words and phrases that prompts may not have."""
    meaning_margin: float = Field(default=0.1, ge=-0.5, le=1.0)
    """Prompts that lean to an unsafe meaning by this much are refused; 1 lets all pass."""
    picture_policy: Literal["off", "spoiler", "block"] = "block"
    """What happens with pictures that the check flags."""
    picture_threshold: float = Field(default=0.8, ge=0.05, le=1.0)
    banned: tuple[int, ...] = ()
    """Ids of members who make no pictures there."""
    retention_days: int | None = Field(default=None, ge=1)
    """Results older than this are deleted."""


class OperationSettings(Section):
    """How the host watches over the bot."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    http_port: int | None = Field(default=None, ge=0, le=65535)
    """Serve /healthz and /metrics on this port of the loopback address; unset means off."""
    stop_timeout_s: float = Field(default=15.0, ge=0, le=120)
    backup_daily: bool = True
    backups_kept: int = Field(default=14, ge=1)


class Settings(BaseSettings):
    """Everything that can be set. Every key has a default, so that a token is enough."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    data_dir: HomePath = Path("data")
    """Where everything is kept: database, pictures, models, backups."""
    database_url: str = ""
    """Empty means SQLite in the data folder; or postgresql+asyncpg://user@host/name."""
    pictures_url: str = ""
    """Empty means a folder in the data folder; or s3://bucket/prefix and others that obstore knows."""
    discord: DiscordSettings = DiscordSettings()
    engine: EngineSettings = EngineSettings()
    styles: dict[str, StyleSettings] = Field(default_factory=dict[str, StyleSettings])
    direct_messages: DirectMessageSettings = DirectMessageSettings()
    operation: OperationSettings = OperationSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment beats what `load` read from the file."""
        return Environment(settings_cls), init_settings

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'darkroom.sqlite3'}"


def load(path: Path | None = None) -> Settings:
    """Read the configuration file (default: `config.toml` when it exists) and the environment.

    Raises:
        ConfigError: names the key and says what it should be.
    """
    values = _read(path)
    _check_environment()
    token = _token()
    if token:
        values["discord"] = {**values.get("discord", {}), "token": token}
    try:
        return _under_data_dir(Settings(**values))
    except ValidationError as error:
        raise _explain(error) from None


def _read(path: Path | None) -> dict[str, Any]:
    named = os.environ.get(CONFIG_VARIABLE)
    file = path or Path(named or "config.toml")
    if not file.exists():
        if path is not None or named:
            raise ConfigError(str(file), "no such file; copy config.example.toml there")
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), f"not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(str(file), f"cannot be read: {error.strerror}") from error


def _check_environment() -> None:
    """A variable that is nearly a setting: pydantic notices it below a section only. Others may be somebody else's."""
    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX).partition("__")[0].lower()
        if not variable.startswith(PREFIX) or name in Settings.model_fields:
            continue
        if near := difflib.get_close_matches(name, Settings.model_fields, n=1, cutoff=0.8):
            raise ConfigError(variable, f"no such setting; did you mean {PREFIX}{near[0].upper()}?")


def _token() -> str:
    """The token from the environment, or from the file it names (containers, systemd credentials)."""
    if name := os.environ.get("DISCORD_TOKEN_FILE"):
        try:
            return Path(name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError("DISCORD_TOKEN_FILE", f"cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError("DISCORD_TOKEN_FILE", f"{name} holds no text; put the token alone into it") from error
    return os.environ.get("DISCORD_TOKEN", "").strip()


def _under_data_dir(settings: Settings) -> Settings:
    """Relative folders of the engine live in the data folder."""
    if "models_dir" in settings.engine.model_fields_set:
        return settings
    engine = settings.engine.model_copy(update={"models_dir": settings.data_dir / "models"})
    return settings.model_copy(update={"engine": engine})


def _explain(error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return ConfigError(key, in_words(first))
    near = difflib.get_close_matches(str(first["loc"][-1]), _known_keys(), n=1)
    return ConfigError(key, "no such setting" + (f"; did you mean {near[0]!r}?" if near else ""))


def _known_keys() -> list[str]:
    sections = (
        Settings,
        DiscordSettings,
        StyleSettings,
        DirectMessageSettings,
        OperationSettings,
        EngineSettings,
        ClusterSettings,
    )
    return [name for section in sections for name in section.model_fields]
