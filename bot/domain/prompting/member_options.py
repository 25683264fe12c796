"""A member's words as they mean them: the prompt language, their own settings, and what the style they chose brings."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.domain.model import Options, Preferences
from bot.domain.prompting.engine_requests import Style
from bot.domain.prompting.prompt import parse, shorten
from bot.domain.prompting.short_names import with_short_name
from bot.errors import BadOption

_LINK = re.compile(r"^\s*https?://\S+|https?://\S+\.(?:png|jpe?g|webp|gif)\b\S*", re.IGNORECASE)
"""Where other bots take a picture's address."""


def read(
    text: str,
    preferences: Preferences,
    styles: Mapping[str, Style],
    *,
    has_picture: bool = False,
    needs_words: bool = True,
    **given: str | float | None,
) -> Options:
    """The options of one prompt: `given` ones beat its flags, the member's settings fill what is open.

    A style's model beats the member's usual one, a picture to start from their usual shape. Raises `BadOption`.
    """
    if link := _LINK.search(text):
        hint = "links are not fetched; upload the file in the option `image` instead"
        raise BadOption(shorten(link[0].strip(), 80), hint)
    suffix = preferences.suffix if text.strip() else ""
    options = parse(text, suffix=suffix, needs_words=needs_words, **given)
    if not has_picture and (options.image_weight is not None or options.strength is not None):
        named = "--iw" if options.image_weight is not None else "strength"
        raise BadOption(named, "it says how much a picture counts; give one in the option `image`")
    if options.style and (named := with_short_name(styles, options.style)):
        options = options.model_copy(update={"style": named})
    style = styles.get(options.style or "")
    model = options.model or (None if style and style.model else preferences.model)
    aspect = options.aspect or (None if has_picture else preferences.aspect)
    return options.model_copy(update={"model": model, "aspect": aspect})
