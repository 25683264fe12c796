"""What this host can draw of another program's recipe: a prompt in our language, and what is lacking here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.model import Options
from bot.domain.prompting import quotes
from bot.domain.prompting.flags import LORA_WEIGHTS, MAX_ASPECT, MAX_LORAS, aspect
from bot.domain.prompting.foreign_syntax import translated
from bot.domain.prompting.prompt import clean, parse, render
from bot.errors import BadOption
from engine import MAX_SEED, ForeignRecipe


@dataclass(frozen=True, slots=True)
class Drawable:
    """A prompt with its flags ("" where none could be written), and sentences on what is lacking."""

    text: str
    lacks: tuple[str, ...]


def drawable(recipe: ForeignRecipe, models: Collection[str], loras: Collection[str]) -> Drawable:
    """The recipe as somebody would type it here; `models` and `loras` are the names on offer."""
    prompt, dropped = translated(clean(recipe.prompt))
    negative, _ = translated(clean(recipe.negative_prompt))
    lacks = list(dropped)
    named, fields = {each.casefold(): each for each in loras}, _numbers(recipe, lacks)
    model = {each.casefold(): each for each in models}.get(recipe.model.casefold())
    if recipe.model and model is None:
        lacks.append(f"the model {recipe.model} is not here; the default model draws")
    here = tuple((named[name.casefold()], weight) for name, weight in recipe.loras if name.casefold() in named)
    lacks += [f"the LoRA {name} is not here" for name, _ in recipe.loras if name.casefold() not in named]
    low, high = LORA_WEIGHTS
    weighed = tuple((name, min(max(weight, low), high)) for name, weight in here)[:MAX_LORAS]
    fields |= {"prompt": prompt, "negative": negative, "model": model, "loras": weighed}
    text = _written(Options.model_validate(fields))
    return Drawable(text, (*lacks, *(() if text else ("its prompt cannot be written in this language",))))


def _numbers(recipe: ForeignRecipe, lacks: list[str]) -> dict[str, Any]:
    """Seed, steps, guidance and aspect ratio, as far as they are within the limits here."""
    found: dict[str, Any] = {}
    if recipe.seed is not None and 0 <= recipe.seed <= MAX_SEED:
        found["seed"] = recipe.seed
    elif recipe.seed is not None:
        lacks.append(f"the seed {recipe.seed} is larger than seeds here")
    if recipe.num_inference_steps is not None:
        found["steps"] = min(max(recipe.num_inference_steps, 1), 500)
    if recipe.guidance_scale is not None and 0 <= recipe.guidance_scale <= 50:
        found["guidance"] = recipe.guidance_scale
    if recipe.width and recipe.height:
        try:
            found["aspect"] = aspect(f"{recipe.width}:{recipe.height}")
        except ValueError:
            lacks.append(f"{recipe.width} × {recipe.height} is longer than 1 to {MAX_ASPECT}")
    return found


def _written(options: Options) -> str:
    """The options as text that is read back as the same prompt; literally where it holds signs of our language."""
    for prompt in (options.prompt, quotes.quoted(options.prompt)):
        try:
            text = render(options.model_copy(update={"prompt": prompt}))
            if parse(text).prompt == prompt:
                return text
        except BadOption:
            continue
    return ""


def sentences(found: Sequence[str]) -> str:
    """The lines of a list, or ""."""
    return "\n".join(f"• {each}" for each in found)
