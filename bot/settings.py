"""The configuration: `config.toml` and environment variables, read once at start into a frozen `Settings` value.

Environment variables (`DARKROOM_…`, `__` between levels, commas between items of a list) override the file, and the
file overrides the defaults. `DISCORD_TOKEN` and `DISCORD_TOKEN_FILE` have no prefix.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from ipaddress import IPv4Address
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

from pydantic import BaseModel, Field, IPvAnyAddress, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.environment import Environment
from bot.errors import ConfigError
from engine import ClusterSettings, EngineSettings, HomePath, ModelSettings, Section, in_words

PREFIX = "DARKROOM_"
CONFIG_VARIABLE = "DARKROOM_CONFIG"
TOKEN_FORM = re.compile(r"[\w-]{20,}\.[\w-]{4,}\.[\w-]{20,}")


class DiscordSettings(Section):
    """Settings of the connection to Discord."""

    token: SecretStr = SecretStr("")
    """The bot's token. Set DISCORD_TOKEN, or DISCORD_TOKEN_FILE to the path of a file, instead of this key."""
    moderator_roles: tuple[int, ...] = ()
    """Ids of roles that may use the moderator commands, besides members with Manage Server."""
    shard_count: int | None = Field(default=None, ge=1)
    """Number of shards into which Discord divides the servers; None means as many as Discord recommends."""
    picture_origins: tuple[str, ...] = ("https://cdn.discordapp.com", "https://media.discordapp.net")
    """Origins (scheme and host) from which the bot downloads pictures; it refuses all others."""
    results: Literal["album", "grid"] = "grid"
    """How four pictures are shown where neither member nor server says: as one picture, or to swipe through."""


class StyleSettings(Section):
    """A style that members choose with `--style NAME`."""

    prompt: str = "{prompt}"
    """Template of the prompt: `{prompt}` stands for the member's prompt. Without `{prompt}`, the text is appended."""
    negative: str = ""
    model: str | None = None
    loras: dict[str, float] = Field(default_factory=dict[str, float])
    steps: int | None = Field(default=None, ge=1, le=500)
    guidance: float | None = Field(default=None, ge=0, le=50)
    description: str = ""
    thumbnail: HomePath | None = None
    """Path of a picture that `/style list` shows."""


class DirectMessageSettings(Section):
    """Rules for direct messages, and for servers on which a member uses the bot that is no member there."""

    allowed: bool = True
    limits: tuple[str, ...] = ()
    """Quota of each member: "40 pictures a day", "600 gpu-seconds a month"."""
    timezone: str = "UTC"
    """IANA time zone in which the days of `limits` begin."""
    max_live_jobs: int | None = Field(default=None, ge=1, le=1_000_000)
    """Number of waiting and running jobs that one member may have; None means `MAX_LIVE_JOBS` (10)."""
    words: tuple[str, ...] = ()
    """Words and phrases that a prompt must not contain."""
    meaning_margin: float = Field(default=0.1, ge=-0.5, le=1.0)
    """Prompts closer to unsafe than to safe example sentences by this cosine margin are refused; 1 means off."""
    picture_policy: Literal["off", "spoiler", "block"] = "block"
    """What happens with pictures that the picture check flags."""
    picture_threshold: float = Field(default=0.8, ge=0.05, le=1.0)
    """Score of the picture check (0 to 1) from which a picture is flagged."""
    banned: tuple[int, ...] = ()
    """Ids of members who may not make pictures in these places."""
    retention_days: int | None = Field(default=None, ge=1, le=36500)
    """Days after which results are deleted; None keeps them."""


class GallerySettings(Section):
    """The gallery: web pages of the pictures whose makers agreed."""

    port: int | None = Field(default=None, ge=0, le=65535)
    """Port of the pages; 0 takes a free one, None means off."""
    listen: IPvAnyAddress = IPv4Address("127.0.0.1")
    """Address to listen on. Other machines should reach the pages only through a proxy that adds HTTPS."""
    url: str = Field(default="", pattern=r"^(https?://[\w.\-]+(:\d+)?/?)?$")
    """Address by which people reach the pages through that proxy: https://gallery.example.org."""
    title: str = Field(default="Darkroom", min_length=1, max_length=60)
    """Name at the top of the pages."""
    client_secret: SecretStr = SecretStr("")
    """OAuth2 client secret of the Discord application; with it, members sign in and see their own pictures."""


class OperationSettings(Section):
    """Logging, monitoring, shutdown and backups."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    http_port: int | None = Field(default=None, ge=0, le=65535)
    """Port of the loopback address that serves /healthz and /metrics; 0 takes a free one, None means off."""
    stop_timeout_s: float = Field(default=15.0, ge=0, le=120)
    """Seconds that running jobs have to finish when the bot stops."""
    share_database: bool = False
    """Let several bots use the PostgreSQL database and the pictures at once; they share out Discord's shards."""
    lease_s: float = Field(default=15.0, ge=3, le=120)
    """Seconds after which the other bots take over the shards of a bot that has gone silent."""
    draw_samples: bool = True
    """Draw a sample picture of each model and LoRA without one, once, while nobody waits."""
    backup_daily: bool = True
    """Copy the SQLite database to `data_dir/backups` once a day."""
    backups_kept: int = Field(default=14, ge=1, le=36500)
    """Number of daily copies to keep, and of days to keep copies made before migrations and restores."""
    gallery: GallerySettings = GallerySettings()


class Settings(BaseSettings):
    """All settings. Every setting has a default; only the token is required."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    data_dir: HomePath = Path("data")
    """Folder of the database, pictures, models and backups."""
    database_url: str = ""
    """SQLAlchemy URL of the database: empty for SQLite in `data_dir`, or postgresql+asyncpg://user@host/name."""
    pictures_url: str = ""
    """URL of the picture store: empty for a folder in `data_dir`, or s3://bucket/prefix and other URLs of obstore."""
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
        """Return the sources, highest precedence first: the environment, then the values that `load` read."""
        return Environment(settings_cls), init_settings

    @property
    def database(self) -> str:
        """The database's SQLAlchemy URL, with the default filled in."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'darkroom.sqlite3'}"


_SECTIONS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "": Settings,
        "discord": DiscordSettings,
        "styles.*": StyleSettings,
        "direct_messages": DirectMessageSettings,
        "operation": OperationSettings,
        "operation.gallery": GallerySettings,
        "engine": EngineSettings,
        "engine.cluster": ClusterSettings,
        "engine.models.*": ModelSettings,
    }
)
"""The sections of the configuration file; `*` is a name that the host chooses."""


def load(path: Path | None = None) -> Settings:
    """Read the configuration file (`config.toml` by default; it may be missing) and the environment.

    Raises:
        ConfigError: a file or a value cannot be used; the error names the key and the expected value.
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
            raise ConfigError(str(file), "this file does not exist; copy config.example.toml there")
        return {}
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(file), f"not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(file), "is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(str(file), f"cannot be read: {error.strerror}") from error
    _check_text(values)
    return values


def _check_text(value: object, *key: str) -> None:
    """Raise `ConfigError` for a text with a NUL character: no path, address or database takes one."""
    if isinstance(value, dict):
        for name, each in cast("dict[str, object]", value).items():
            _check_text(name, *key)
            _check_text(each, *key, name)
    elif isinstance(value, list):
        for each in cast("list[object]", value):
            _check_text(each, *key)
    elif isinstance(value, str) and "\0" in value:
        raise ConfigError(".".join(key) or repr(value), "it must not contain the character \\u0000")


def _check_environment() -> None:
    """Raise `ConfigError` for a mistyped top-level variable, which pydantic does not report. Ignore unlike names."""
    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX).partition("__")[0].lower()
        if not variable.startswith(PREFIX) or name in Settings.model_fields:
            continue
        if near := difflib.get_close_matches(name, Settings.model_fields, n=1, cutoff=0.8):
            raise ConfigError(variable, f"no such setting; did you mean {PREFIX}{near[0].upper()}?")


def _token() -> str:
    """Read the token from DISCORD_TOKEN, or from the file that DISCORD_TOKEN_FILE names (containers, systemd)."""
    if name := os.environ.get("DISCORD_TOKEN_FILE"):
        try:
            return Path(name).read_text(encoding="utf-8-sig").strip()
        except OSError as error:
            raise ConfigError("DISCORD_TOKEN_FILE", f"cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(
                "DISCORD_TOKEN_FILE", f"{name} is not a text file; write only the token into it"
            ) from error
    return os.environ.get("DISCORD_TOKEN", "").strip()


def _under_data_dir(settings: Settings) -> Settings:
    """Put the engine's `models_dir` and `loras_dir` into `data_dir` unless they are set."""
    folders = {"models_dir": settings.data_dir / "models", "loras_dir": settings.data_dir / "loras"}
    unset = {name: folder for name, folder in folders.items() if name not in settings.engine.model_fields_set}
    return settings.model_copy(update={"engine": settings.engine.model_copy(update=unset)})


def _explain(error: ValidationError) -> ConfigError:
    found = error.errors(include_url=False, include_input=False)
    # A mistyped key explains the one that is missing.
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return ConfigError(key, in_words(first))
    return ConfigError(key, f"no such setting{_meant(*map(str, first['loc']))}")


def _meant(*key: str) -> str:
    """The setting that a wrong key is most like; with its section where it stands in the wrong one."""
    *section, name = key
    known = {place: model.model_fields for place, model in _SECTIONS.items()}
    here = (each for place in known if fnmatchcase(".".join(section), place) for each in known[place])
    if longer := next((each for each in here if f"_{name}_" in f"_{each}_"), None):  # steps, num_inference_steps
        return f"; did you mean {longer!r}?"
    near = difflib.get_close_matches(name, [each for names in known.values() for each in names], n=1)
    if not near:
        return ""
    places = [place for place, names in known.items() if near[0] in names]
    if any(fnmatchcase(".".join(section), place) for place in places):
        return f"; did you mean {near[0]!r}?"
    place = places[0].replace("*", "NAME")
    return (
        f"; did you mean {near[0]!r} in the section [{place}]?" if place else f"; {near[0]!r} stands above all sections"
    )
