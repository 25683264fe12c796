"""Combines a member's prompt with command options, their settings and the chosen style into `Options`."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from bot.domain.model import Options, Preferences
from bot.domain.prompting.engine_requests import Style
from bot.domain.prompting.option_sets import text_of
from bot.domain.prompting.prompt import parse, shorten
from bot.domain.prompting.short_names import with_short_name
from bot.errors import BadOption

_LINK = re.compile(r"^\s*https?://\S+|https?://\S+\.(?:png|jpe?g|webp|gif)\b\S*", re.IGNORECASE)
"""Links to pictures, which other bots accept at the beginning of a prompt."""


def read(
    text: str,
    preferences: Preferences,
    styles: Mapping[str, Style],
    *,
    channel: str = "",
    has_picture: bool = False,
    has_control: bool = False,
    needs_words: bool = True,
    **given: str | float | None,
) -> Options:
    """Return the options of one prompt. `given` options override its flags, and these what its `--set` stands for.

    Then come the flags that the `channel` has by default, then the settings. A style's model overrides the models
    of both, and a start picture the aspect ratio in the settings. Raises `BadOption`.
    """
    if link := _LINK.search(text):
        hint = "links are not fetched; upload the file in the option `image` instead"
        raise BadOption(shorten(link[0].strip(), 80), hint)
    suffix = preferences.suffix if text.strip() else ""
    asking = functools.partial(parse, text, set_text=functools.partial(text_of, dict(preferences.sets)), **given)
    options = asking(suffixes=(channel, suffix), needs_words=needs_words)
    own = asking(needs_words=False) if channel else options
    if not has_picture and (options.image_weight is not None or options.strength is not None):
        named = "--iw" if options.image_weight is not None else "strength"
        raise BadOption(named, "this is the weight of a start picture; give a picture in the option `image`")
    if not has_control and (options.control_type is not None or options.control_strength is not None):
        named = "--cw" if options.control_type is None else "--ct"
        raise BadOption(named, "this is about a control picture; give a picture in the option `control`")
    if options.style and (named := with_short_name(styles, options.style)):
        options = options.model_copy(update={"style": named})
    style = styles.get(options.style or "")
    asked = own.model if style and style.model and own.style else options.model
    model = asked or (None if style and style.model else preferences.model)
    aspect = options.aspect or (None if has_picture else preferences.aspect)
    return options.model_copy(update={"model": model, "aspect": aspect})
