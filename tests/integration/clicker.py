"""Somebody who clicks and types at random in the playground, by what the page offers; a seed repeats it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S

TEXTS = (
    "a red apple", "a blue fish --ar 3:2 --seed 7", "a {red, blue} {car, bus}", "cat::2 dog::-0.5", "--ar", "--no",
    "{", "x" * 1400, "🙂" * 60, "مرحبا بالعالم تفاحة حمراء", "a\u202eb\u200bc", "**bold** `code` ||spoiler|| > # h1",
    "<@11> @everyone <#1> <:a:1>", "<script>alert(1)</script><img src=x onerror=alert(2)>", "'; drop table jobs; --",
    "../../etc/passwd", "a cat --repeat 3 --steps 2", "—seed 99999999999999999999", "   ", "0", "-1", "1.5", "7", "",
)  # fmt: skip
COMMANDS = """async () => {
    const headers = {'X-Simcord-Capability': location.hash.slice(1),
                     'X-Simcord-Context': window.simcordPreview.contextId};
    return (await (await fetch('/api/commands', {headers})).json()).entries; }"""
CLICK = """([selector, pick, times]) => {
    const found = [...document.querySelectorAll(selector)].slice(-60);
    const one = found[Math.floor(pick * found.length)];
    for (let n = 0; one && n < times; n++) one.click();
    return one ? one.innerText || one.getAttribute('aria-label') || one.tagName : ''; }"""
SETTLED = "Boolean(window.simcordPreview?.ready && !window.simcordPreview.pendingAction)"


class Clicker:
    """Acts on the page; what it did last stands in `did`."""

    def __init__(self, page: Any, seed: int, pictures: list[Path]) -> None:
        self.page, self.dice, self.pictures = page, random.Random(seed), pictures
        self.did: list[str] = []

    def act(self) -> str:
        """Do one thing, wait until the page has taken it, and say what it was."""
        self.did.append("")
        while not self.did[-1]:
            self.dice.choice(self._choices())()
        self.settle()
        return self.did[-1]

    def resume(self) -> None:
        """Let the queue go on, whatever it was told before."""
        self.page.reload()
        self.settle()
        self.page.locator("#viewer-picker").select_option(label="mo")
        self.settle()
        self._compose("/mod resume")
        self.page.locator(".command-entry").first.click()
        self.page.locator("#send-message").click()
        self.settle()

    def settle(self) -> None:
        """Wait until the page has taken everything; it forbids scripts that would wait for us."""
        end = time.monotonic() + PATIENCE_S
        while not self.page.evaluate(SETTLED):
            assert time.monotonic() < end, f"the page did not come to rest after {self.did[-3:]}"
            self.page.wait_for_timeout(50)

    def _say(self, what: str) -> None:
        self.did[-1] += what

    def _choices(self) -> list[Callable[[], None]]:
        if self.page.locator("dialog.media-lightbox[open]").count():
            return [self._lightbox]
        if self.page.locator(".modal-dialog").count():
            return [self._modal]
        seldom = [self._viewer, self._reload, self._chat, self._corner, self._picture, self._idea, self._link]
        return [*[self._command] * 6, *[self._press] * 8, *seldom]

    def _click(self, selector: str, times: int = 1) -> str:
        """Click any one of these, at one moment, since a live page changes between two; says which."""
        return self.page.evaluate(CLICK, [selector, self.dice.random(), times])

    def _command(self) -> None:
        entries = self.page.evaluate(COMMANDS)
        often = [entry for entry in entries if entry["invocation"] == "imagine"] * len(entries)
        entry = self.dice.choice([*often, *entries])
        self._say(f"/{entry['invocation']}")
        self._compose(f"/{entry['invocation']}")
        self.page.locator(".command-entry", has=self.page.get_by_text(f"/{entry['invocation']}", exact=True)).click()
        for option in entry["options"]:
            if option["required"] or self.dice.random() < 0.12:
                self._option(option)
        self.page.keyboard.press("Escape")
        self.page.locator("#send-message").click()
        self.settle()
        if self.page.locator(".command-context-close").count():  # refused by the form
            self._say(" (form refused)")
            self.page.locator(".command-context-close").click()
            self._compose("")

    def _compose(self, text: str) -> None:
        box = self.page.locator("#channel-composer-input")
        box.click()
        box.fill(text)

    def _option(self, option: dict[str, Any]) -> None:
        name = option["name"]
        if not option["required"]:
            self.page.locator(".command-ghost").click()
            self.page.locator(f'.command-suggestion[data-value="{name}"]').click()
        pill = self.page.locator(f'.command-pill[data-option="{name}"]')
        if option["type"] == "attachment":
            path = self.dice.choice(self.pictures)
            self._say(f" {name}={path.name}")
            pill.locator("input[type=file]").set_input_files(path)
            return
        field = pill.locator("input")
        field.click()
        if option["type"] in ("user", "role", "channel", "boolean", "mentionable") or option["choices"]:
            self.page.wait_for_timeout(400)
            self._say(f" {name}={self._click('.command-suggestion')!r}")
            return
        text = self._number(option) if option["type"] in ("integer", "number") else self.dice.choice(TEXTS)
        self._say(f" {name}={text[:40]!r}")
        field.fill(text)

    def _number(self, option: dict[str, Any]) -> str:
        low = option["minValue"] if option["minValue"] is not None else -3
        high = option["maxValue"] if option["maxValue"] is not None else 50
        value = self.dice.uniform(low, min(high, low + 20))
        return self.dice.choice((str(round(value)), str(round(value)), f"{value:.2f}", "nonsense"))

    def _press(self) -> None:
        if label := self._click(".message-components button:not([disabled])", self.dice.choice((1, 1, 1, 2))):
            self._say(f"press {label!r}")

    def _modal(self) -> None:
        form = self.page.locator(".modal-dialog")
        for text in form.locator(".modal-input:visible").all():
            if self.dice.random() < 0.6:
                text.fill(self.dice.choice(TEXTS)[:100])
        for box in form.locator("input[type=checkbox], input[type=radio]").all():
            if self.dice.random() < 0.3:
                box.click(force=True)
        for upload in form.locator("input[type=file]").all():
            if self.dice.random() < 0.5:
                upload.set_input_files(self.dice.choice(self.pictures))
        way = self.dice.choice(("Submit", "Submit", "Submit", "Cancel", "Escape"))
        self._say(f"form {form.locator('h1, h2').first.inner_text()!r} {way}")
        if way != "Escape":
            form.get_by_role("button", name=way, exact=True).click()
            self.settle()
        if form.count():
            self.page.keyboard.press("Escape")
            form.wait_for(state="detached")

    def _viewer(self) -> None:
        who = self.dice.choice(("ada", "bo", "mo"))
        self._say(f"as {who}")
        self.page.locator("#viewer-picker").select_option(label=who)

    def _reload(self) -> None:
        self._say("reload")
        self.page.reload()

    def _chat(self) -> None:
        text = self.dice.choice(TEXTS)
        self._say(f"say {text[:40]!r}")
        self._compose(text)
        self.page.keyboard.press("Escape")
        self.page.locator("#send-message").click()

    def _corner(self) -> None:
        if label := self._click("[data-gesture]"):
            self._say(f"corner {label!r}")

    def _picture(self) -> None:
        if self._click(".media-lightbox-trigger:not([disabled])"):
            self._say("open a picture")

    def _lightbox(self) -> None:
        self._say(f"in the picture: {self._click('dialog[open] button.media-lightbox-control')}")
        self.page.keyboard.press("Escape")

    def _idea(self) -> None:
        self._say(f"idea {self._click('.ideas button')!r}")
        self._click(".command-context-close")
        self._compose("")

    def _link(self) -> None:
        if label := self._click("a[href^='https://discord.com/channels/']"):
            self._say(f"link {label!r}")
