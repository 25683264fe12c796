"""What the host offers, in words for members: styles, LoRAs and models."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.prompting.flags import printed
from bot.domain.prompting.quotes import quoted
from bot.ui.content import texts
from bot.ui.interactions.services import Darkroom
from bot.ui.pictures.samples import Wanted, sample_request
from engine import ImageRequest, LoRA, LoRACard, ModelSpec

SAMPLE_PROMPT = "a lighthouse on a rocky coast at sunset"


class Shelf(enum.StrEnum):
    """A kind of thing that can be chosen. The values stand in buttons that are years old: never change one."""

    STYLE = "style"
    LORA = "lora"
    MODEL = "model"

    @property
    def word(self) -> str:
        """As people write it."""
        return "LoRA" if self is Shelf.LORA else self.value

    @property
    def option(self) -> str:
        """The field of `Options` that names it."""
        return "loras" if self is Shelf.LORA else self.value


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that can be chosen."""

    name: str
    line: str
    """What stands on a page."""
    hint: str = ""
    """What stands below its name in the menu."""
    whole: str = ""
    """All that is known of it; "" where `line` says everything."""
    value: str = ""
    """What stands behind the flag; "" for the name."""
    models: tuple[str, ...] = ()
    """The models on offer that it can be drawn with; () for any."""
    sample: Wanted | None = None


async def offers_of(client: Darkroom, shelf: Shelf) -> list[Offer]:
    """Everything of that kind that can be chosen now."""
    services = client.services
    match shelf:
        case Shelf.STYLE:
            return [
                Offer(
                    name,
                    f"`--style {quoted(name)}` {texts.safe(style.description)}".rstrip(),
                    style.description,
                    sample=style.thumbnail and Wanted(f"style {name}", style.thumbnail),
                )
                for name, style in services.settings.styles.items()
            ]
        case Shelf.MODEL:
            default = services.engine.default_model
            return [_model(spec, is_default=spec.name == default) for spec in services.engine.models()]
        case Shelf.LORA:
            cards = await services.engine.loras()
            return [_lora(card, services.engine.fitting(card)) for card in cards if not card.refusal]


def _model(spec: ModelSpec, *, is_default: bool) -> Offer:
    facts = [f"{spec.width} × {spec.height}", f"{spec.num_inference_steps} steps", texts.safe(spec.licence)]
    facts += ["the default here"] if is_default else []
    draws = spec.vocabulary[0] if spec.vocabulary else SAMPLE_PROMPT
    return Offer(
        spec.name,
        f"`--model {quoted(spec.name)}` {' · '.join(facts)}",
        f"{spec.width} × {spec.height}, {spec.num_inference_steps} steps",
        sample=Wanted(
            f"model {spec.name}\n{spec.source}",
            request=sample_request(draws, model=spec.name) if spec.need == "words" else None,
        ),
    )


def _lora(card: LoRACard, models: tuple[str, ...]) -> Offer:
    told = card.told
    weight = f":{printed(told.weight)}" if told.weight is not None and told.weight != 1.0 else ""
    value = f"{card.name}{weight}"
    words = ", ".join(f"“{texts.safe(word)}”" for word in told.trigger_words)
    facts = [f"for {texts.safe(card.made_for)}" if card.made_for else "", words, texts.safe(told.licence)]
    line = " · ".join((f"`--lora {quoted(value)}`", *_some(facts), *_some([texts.safe(told.description)])))
    rows = [
        f"**{texts.safe(card.name)}** {texts.safe(told.title) if told.title != card.name else ''}".rstrip(),
        f"Write: `--lora {quoted(value)}`",
        f"For: {texts.safe(card.made_for) or 'not stated'}" + (f" (here: {', '.join(models)})" if models else ""),
        f"Trigger words: {words}" if words else "Trigger words: none are known",
        f"Licence: {texts.safe(told.licence) or 'not stated'}",
        texts.safe(told.description),
    ]
    size = f"{card.bytes}:{card.settings.path}"
    return Offer(
        card.name,
        line,
        ", ".join(_some([card.made_for, *told.trigger_words])),
        "\n".join(_some(rows)),
        value,
        models,
        Wanted(f"LoRA {card.name}\n{size}", card.sample, told.thumbnail, _drawn_with(card, models)),
    )


def _drawn_with(card: LoRACard, models: tuple[str, ...]) -> ImageRequest:
    weight = card.told.weight or 1.0
    loras = (LoRA(name=card.name, weight=weight),)
    return sample_request(SAMPLE_PROMPT, loras=loras, model=models[0] if models else "")


def _some(words: Iterable[str]) -> list[str]:
    return [word for word in words if word]
