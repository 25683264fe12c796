"""`/imagine`: words, options and pictures in; one reply that becomes the grid."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import discord
from discord import app_commands
from discord.app_commands import Choice, Range, locale_str
from discord.ext import commands

from bot.commands.buttons import permutations, proposals
from bot.domain.model import Options, Verb
from bot.domain.prompting.flags import CONTROL_TYPES
from bot.domain.prompting.member_options import read
from bot.domain.prompting.prompt import expand, render, shorten
from bot.domain.prompting.short_names import short_name
from bot.errors import BadOption
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.kept_styles import style_names
from bot.ui.interactions.offers import Offer, Shelf, offers_of

MAX_CHOICES = 25


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads prompts of one member in one channel."""

    given: Mapping[str, str | float | None]
    """What was said in options of the command: it overrides flags."""
    read: Callable[[str], Options]

    def __call__(self, text: str) -> Options:
        """Return the options of a prompt. Raises `BadOption`."""
        return self.read(text)


class Imagine(commands.Cog):
    """Text, and if given a picture, to pictures."""

    @app_commands.command(name="imagine", description=locale_str("Make four pictures from your words"))
    @app_commands.describe(
        prompt=locale_str("What to draw; flags such as --ar 3:2 --seed 7 --no text go here too"),
        negative=locale_str("What should not be in the picture"),
        aspect=locale_str("Width to height, for example 3:2"),
        seed=locale_str("The same seed gives the same picture again"),
        steps=locale_str("How many steps of denoising"),
        guidance=locale_str("How closely to follow the words"),
        model=locale_str("Which model draws"),
        style=locale_str("A style of this host, or pictures kept by name"),
        image=locale_str("A picture to start from"),
        strength=locale_str("How far from that picture, 0 to 1"),
        style_image=locale_str("A picture in whose manner to draw"),
        reference=locale_str("A picture of a person or thing that shall be in it again"),
        control=locale_str("A picture that says where things are"),
        control_type=locale_str("What of that picture is kept"),
        control_strength=locale_str("How firmly it is kept to, 0 to 2"),
        lora=locale_str("A LoRA of this host, with its weight if you like: ink:0.8"),
    )
    @app_commands.choices(
        control_type=[Choice(name=locale_str(each.replace("_", " ")), value=each) for each in CONTROL_TYPES]
    )
    @everywhere
    async def imagine(
        self,
        interaction: Pressed,
        prompt: Range[str, 1, 6000],
        negative: Range[str, 1, 2000] | None = None,
        aspect: Range[str, 3, 11] | None = None,
        seed: Range[int, 0, 4294967295] | None = None,
        steps: Range[int, 1, 500] | None = None,
        guidance: Range[float, 0.0, 50.0] | None = None,
        model: str | None = None,
        style: str | None = None,
        image: discord.Attachment | None = None,
        strength: Range[float, 0.0, 1.0] | None = None,
        style_image: discord.Attachment | None = None,
        reference: discord.Attachment | None = None,
        control: discord.Attachment | None = None,
        control_type: Choice[str] | None = None,
        control_strength: Range[float, 0.0, 2.0] | None = None,
        lora: Range[str, 1, 310] | None = None,
    ) -> None:
        """Accept one job, or ask for confirmation of several."""
        async with Answer(interaction) as answer:
            if negative is not None:
                negative = await submission.rolled(interaction, negative)
            reading = await reader(
                interaction, has_picture=image is not None, has_control=control is not None, negative=negative,
                aspect=aspect, seed=seed, steps=steps, guidance=guidance, model=model, style=style, strength=strength,
                loras=lora, control_type=control_type and control_type.value, control_strength=control_strength,
            )  # fmt: skip
            pictures = {"image": image, "style_image": style_image, "reference": reference, "control": control}
            await begin(interaction, answer, prompt, reading, **pictures)

    @imagine.autocomplete("model")
    async def models(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """Names from memory, those that begin with what was typed first."""
        return choices(interaction.client.services.models(), typed)

    @imagine.autocomplete("style")
    async def styles(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """The host's styles, and those that are kept by name."""
        return choices(await style_names(interaction), typed)

    @imagine.autocomplete("lora")
    async def loras(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """The host's LoRAs as they lie there now, with what calls them."""
        return lora_choices(await offers_of(interaction.client, Shelf.LORA), typed)


async def _taken(interaction: Pressed, picture: discord.Attachment | None) -> tuple[str, ...]:
    """The key of an uploaded picture, or nothing. Raises what `submission.take` raises."""
    return () if picture is None else (await submission.take(interaction, picture),)


def lora_choices(offers: Sequence[Offer], typed: str) -> list[Choice[str]]:
    """At most 25 whose names or trigger words contain what was typed, the ones that begin with it first."""
    wanted = typed.casefold().rpartition(":")[0] or typed.casefold()
    found = [offer for offer in offers if wanted in f"{offer.name} {offer.hint}".casefold()]
    found.sort(key=lambda offer: (not offer.name.casefold().startswith(wanted), offer.name))
    return [
        Choice(name=shorten(f"{offer.name} · {offer.hint}" if offer.hint else offer.name, 100), value=offer.value)
        for offer in found[:MAX_CHOICES]
    ]


def choices(names: Sequence[str], typed: str) -> list[Choice[str]]:
    """At most 25 names that contain what was typed, the ones that begin with it first."""
    wanted = typed.casefold()
    found = sorted((not name.casefold().startswith(wanted), name) for name in names if wanted in name.casefold())
    return [
        Choice(name=shorten(name, 100), value=name if len(name) <= 100 else short_name(name))
        for _, name in found[:MAX_CHOICES]
    ]


async def reader(
    interaction: Pressed, *, has_picture: bool = False, has_control: bool = False, **given: str | float | None
) -> Reading:
    """Return what reads one prompt of this member in this channel."""
    reads = functools.partial(
        read,
        preferences=await submission.own_words(interaction),
        styles=interaction.client.services.settings.styles,
        channel=await submission.channel_defaults(interaction),
        has_picture=has_picture,
        has_control=has_control,
        **given,
    )
    return Reading(given, reads)


async def begin(
    interaction: Pressed,
    answer: Answer,
    prompt: str,
    reading: Reading,
    *,
    image: discord.Attachment | None = None,
    style_image: discord.Attachment | None = None,
    reference: discord.Attachment | None = None,
    control: discord.Attachment | None = None,
) -> None:
    """Accept one job, or ask for confirmation of several."""
    pasted = prompt
    try:
        prompt = await submission.rolled(interaction, prompt)
        prompts = expand(prompt) if set(prompt) & set("{}") else [prompt]
        asked = [reading(text) for text in prompts]
    except BadOption as error:
        if image or style_image or reference or control:
            raise  # a proposal is of words: it could not keep the pictures
        await proposals.translate(interaction, answer, pasted, reading.given, error)
        return
    if len(prompts) > 1 or asked[0].repeat > 1:
        if any(picture is not None for picture in (image, style_image, reference, control)):
            raise BadOption("image", "not together with {…} or --repeat; start them one by one")
        await permutations.offer(interaction, answer, asked, _compact(prompt, reading))
        return
    images, references = [await _taken(interaction, picture) for picture in (image, reference)]
    single = {
        field: await submission.take(interaction, picture, field)
        for field, picture in (("style_image", style_image), ("control", control))
        if picture is not None
    }
    pictures = {"images": images, "references": references, **single}
    await submission.submit(interaction, answer, submission.spec(Verb.IMAGINE, asked[0], **pictures))


def _compact(prompt: str, reading: Reading) -> str:
    """The prompt with its braces and everything else as flags behind it, or "" when braces stand in a flag."""
    try:
        return render(reading(prompt))
    except BadOption:
        return ""
