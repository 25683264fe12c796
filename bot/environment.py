"""Settings from environment variables: lists with commas besides JSON, and no failure that names no key."""

from __future__ import annotations

from typing import Any, get_origin

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource


class Environment(EnvSettingsSource):
    """`DARKROOM_ENGINE__DEVICES=cuda:0,cuda:1` is `devices = ["cuda:0", "cuda:1"]`."""

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:
        """JSON, or names with commas where a list is meant; anything else stays text, for the check to name its key."""
        is_list = field is not None and get_origin(field.annotation) in {tuple, list}
        try:
            decoded = super().decode_complex_value(field_name, field, value)  # pyright: ignore[reportArgumentType]
        except ValueError:
            decoded = value
        if not is_list or isinstance(decoded, list):
            return decoded  # pyright: ignore[reportUnknownVariableType]
        return [part.strip() for part in str(value).split(",") if part.strip()]
