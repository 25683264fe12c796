"""Pages of what the host offers (styles, LoRAs, models): samples, and a menu that asks what to draw with one."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, Select, View

from bot.domain.model import Options, Verb
from bot.domain.prompting.prompt import parse, shorten
from bot.domain.prompting.short_names import short_name, with_short_name
from bot.errors import BadOption, FileLimitTooSmall
from bot.ui.content import texts
from bot.ui.content.custom_ids import FormId, FormKind
from bot.ui.content.message_page import Page, Upload
from bot.ui.content.modals import Filled, Form
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.kept_styles import style_offers
from bot.ui.interactions.offers import Offer, Shelf, offers_of
from bot.ui.interactions.services import Darkroom
from bot.ui.interactions.submissions import submit_each
from bot.ui.pictures.sample_sheet import numbered_sheet

ON_A_PAGE = 8
_LINE = 230
_HEAD = 60
"""Characters kept free for the line that counts pages."""
_FORMS: Mapping[Shelf, FormKind] = {
    Shelf.STYLE: FormKind.STYLE,
    Shelf.LORA: FormKind.LORA,
    Shelf.MODEL: FormKind.MODEL,
}
_EMPTY: Mapping[Shelf, str] = {
    Shelf.STYLE: "No styles are set up here. `/style save` keeps pictures under a name.",
    Shelf.LORA: "No LoRAs are here yet. The host puts LoRA files into the folder `loras`.",
    Shelf.MODEL: "No models are here.",
}
_GONE: Mapping[Shelf, str] = {
    Shelf.STYLE: "that style is not there any more; see `/style list`",
    Shelf.LORA: "that LoRA is not there any more; see `/loras`",
    Shelf.MODEL: "that model is not there any more; see `/models`",
}


class OfferMenu(DynamicItem[Select[View]], template=r"drs:(?P<shelf>style|lora|model)"):
    """Choose one, then say what to draw with it; works after a restart."""

    def __init__(self, shelf: Shelf, offers: Sequence[Offer]) -> None:
        self.shelf = shelf
        options = [
            discord.SelectOption(
                label=shorten(offer.name, 100), value=short_name(offer.name), description=offer.hint[:100] or None
            )
            for offer in offers
        ]
        custom_id = f"drs:{shelf.value}"
        super().__init__(Select(custom_id=custom_id, placeholder=f"Use a {shelf.word}", options=options))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the menu; what was chosen stands in the interaction."""
        return cls(Shelf(match["shelf"]), [Offer("?", "")])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Ask for the words."""
        short = self.item.values[0]
        async with Answer(interaction, ephemeral=True, may_ask=True) as answer:
            offers = await _offered(interaction, self.shelf)
            name = with_short_name((offer.name for offer in offers), short)
            if name is None:
                raise BadOption(short, _GONE[self.shelf])
            title = f"Imagine {'in' if self.shelf is Shelf.STYLE else 'with'} {name}"
            await answer.modal(Form(title, FormId(_FORMS[self.shelf], short), ""))


class OfferPageButton(
    DynamicItem[Button[View]], template=r"drs:page:(?:(?P<shelf>style|lora|model):)?(?P<page>[0-9]{1,4})"
):
    """Shows another page; works after a restart. An id without a shelf is of a time when there were styles only."""

    def __init__(self, shelf: Shelf, page: int, label: str = "More", emoji: str = "🔽") -> None:
        super().__init__(Button(label=label, emoji=emoji, custom_id=f"drs:page:{shelf.value}:{page}"))
        self.shelf, self.page = shelf, page

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id."""
        return cls(Shelf(match["shelf"] or "style"), int(match["page"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Say that page."""
        await show(interaction, self.shelf, number=self.page)


async def show(interaction: Pressed, shelf: Shelf, *, number: int = 0, name: str | None = None) -> None:
    """Answer privately with a page, or with the one of that name. Raises nothing: what is wrong is said."""
    async with Answer(interaction, ephemeral=True) as answer:
        offers = await _offered(interaction, shelf)
        if name is not None:
            found = with_short_name((offer.name for offer in offers), name)
            if found is None:
                raise BadOption(name, _known(offers) or _EMPTY[shelf])
            offers = [offer for offer in offers if offer.name == found]
        page = functools.partial(offer_page, interaction.client, shelf, offers, number, is_whole=name is not None)
        await answer.page(page, interaction.filesize_limit, is_private=True)


async def offer_page(
    client: Darkroom, shelf: Shelf, offers: Sequence[Offer], number: int, limit: int, *, is_whole: bool = False
) -> Page:
    """As many as fit into a message, with their samples. `is_whole`: all that is known of each."""
    if not offers:
        return Page(_EMPTY[shelf])
    pages = _pages(offers, is_whole=is_whole)
    number = min(number, len(pages) - 1)
    shown = pages[number]
    view = View(timeout=None)
    view.add_item(OfferMenu(shelf, [offer for _, offer in shown]))
    if number:
        view.add_item(OfferPageButton(shelf, number - 1, "Back", "🔼"))
    if number + 1 < len(pages):
        view.add_item(OfferPageButton(shelf, number + 1, f"More {shelf.word}s"))
    view.stop()
    title = f"{shelf.word}s"
    title = title[0].upper() + title[1:]
    head = [f"{title}, page {number + 1} of {len(pages)} ({len(offers)} in all)"] if len(pages) > 1 else []
    lines = [_line(offer, at if len(shown) > 1 else 0, is_whole=is_whole) for at, offer in shown]
    return Page("\n".join([*head, *lines]), await _sheet(client, shelf, shown, limit), view)


def _pages(offers: Sequence[Offer], *, is_whole: bool) -> list[list[tuple[int, Offer]]]:
    """The offers of each page with their numbers: no more than people can look over and a message takes."""
    pages: list[list[tuple[int, Offer]]] = [[]]
    length = 0
    for at, offer in enumerate(offers, 1):
        line = len(_line(offer, at, is_whole=is_whole)) + 1
        if len(pages[-1]) == ON_A_PAGE or (pages[-1] and length + line > texts.MESSAGE_LIMIT - _HEAD):
            pages.append([])
            length = 0
        pages[-1].append((at, offer))
        length += line
    return pages


def _line(offer: Offer, number: int, *, is_whole: bool) -> str:
    head = f"{number}. " if number else ""
    return head + (offer.whole or offer.line if is_whole else shorten(offer.line, _LINE))


async def _sheet(client: Darkroom, shelf: Shelf, shown: Sequence[tuple[int, Offer]], limit: int) -> tuple[Upload, ...]:
    services = client.services
    wanted = [(at, offer) for at, offer in shown if offer.sample is not None]
    if services.samples is None or not wanted:
        return ()
    found = await services.samples.of([offer.sample for _, offer in wanted if offer.sample is not None])
    samples = {at: sample for (at, _), sample in zip(wanted, found, strict=True) if sample is not None}
    if not samples:
        return ()
    try:
        sheet = await services.drawing.run(numbered_sheet, samples, limit)
    except FileLimitTooSmall:  # the words say enough
        return ()
    names = ", ".join(offer.name for at, offer in wanted if at in samples)
    alt = f"Samples, left to right, top to bottom: {names}"
    return (Upload(f"darkroom-{shelf.value}s.webp", sheet, alt[: texts.ALT_LIMIT]),)


async def _offered(interaction: Pressed, shelf: Shelf) -> list[Offer]:
    return await (style_offers(interaction) if shelf is Shelf.STYLE else offers_of(interaction.client, shelf))


def _known(offers: Sequence[Offer]) -> str:
    return f"known: {', '.join(offer.name for offer in offers)}" if offers else ""


async def _chosen(interaction: Pressed, shelf: Shelf, about: str, filled: Filled) -> None:
    """Draw with the one that was chosen."""
    async with Answer(interaction) as answer:
        offers = {offer.name: offer for offer in await _offered(interaction, shelf)}
        name = with_short_name(offers, about)
        if name is None:
            raise BadOption(about, _GONE[shelf])
        prompts = await submission.prompts_of(interaction, filled.prompt)
        asked = [await _read(interaction, text, offers[name], shelf) for text in prompts]
        await submit_each(interaction, answer, asked, lambda one: submission.spec(Verb.IMAGINE, one))


async def _read(interaction: Pressed, text: str, offer: Offer, shelf: Shelf) -> Options:
    """The words with what was chosen; a LoRA brings a model that it fits unless the words name one."""
    given: dict[str, Any] = {shelf.option: offer.value or offer.name}
    options = await submission.read(interaction, text, **given)
    if offer.models and options.model not in offer.models and parse(text, needs_words=False).model is None:
        options = options.model_copy(update={"model": offer.models[0]})
    return options


async def with_style(interaction: Pressed, about: str, filled: Filled) -> None:
    """Draw in the style that was chosen."""
    await _chosen(interaction, Shelf.STYLE, about, filled)


async def with_lora(interaction: Pressed, about: str, filled: Filled) -> None:
    """Draw with the LoRA that was chosen."""
    await _chosen(interaction, Shelf.LORA, about, filled)


async def with_model(interaction: Pressed, about: str, filled: Filled) -> None:
    """Draw with the model that was chosen."""
    await _chosen(interaction, Shelf.MODEL, about, filled)
