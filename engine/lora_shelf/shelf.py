"""The shelf of LoRAs: a card for each file, read again only when the file or what lies beside it changed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelLoadFailed
from engine.lora_shelf.card import MAX_DESCRIPTION, MAX_LINE, LoRACard, Told, trigger_words
from engine.lora_shelf.files import Listed, LoRAFiles, refusal_of_name
from engine.lora_shelf.header_words import told_by_header
from engine.lora_shelf.plain_text import plain
from engine.lora_shelf.sidecar import SAMPLES, SIDECARS, BadSidecar, read_sidecar
from engine.model_files.lora_kinds import has_magnitudes, refusal_of
from engine.model_files.single_file import family_named, family_of, names_and_metadata
from engine.settings import EngineSettings, LoRASettings

_Stamp = tuple[int, int]
_FRESH_S = 2.0


@dataclass(frozen=True, slots=True)
class _Read:
    stamp: _Stamp
    card: LoRACard


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the last look at all files found, and when."""

    at: float
    folders: tuple[tuple[Path, int], ...]
    """Each folder with the time of its last change in nanoseconds; 0 for one that is not there."""
    cards: tuple[LoRACard, ...]


def flaw(path: Path, name: str) -> str:
    """Why a file cannot be offered under that name, as the end of a sentence; "" where it can."""
    listed = Listed(name, path, (0, 0), (), refusal_of_name(path.with_name(name + path.suffix)))
    try:
        return _header(listed)[0]
    except ModelLoadFailed as error:
        return f"{error.why}; {error.remedy}"


def files_of(path: Path) -> tuple[Path, ...]:
    """The file, and what describes it beside it."""
    beside = (path.with_name(path.stem + end) for end in (*SIDECARS, *SAMPLES))
    return (path, *(each for each in beside if each.is_file()))


class LoRAShelf:
    """Reads the LoRA folder and the settings; any thread may ask, each gets a whole answer."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._files = LoRAFiles(settings)
        self._known: Mapping[Path, _Read] = {}
        self._seen = _Seen(-_FRESH_S, (), ())

    def cards(self) -> tuple[LoRACard, ...]:
        """A card for each file as it is now, refused ones too, by name; those of the settings first."""
        read: dict[Path, _Read] = {}
        for name, chosen in self._settings.loras.items():
            listed = _beside(name, chosen.path)
            read[Path(name)] = self._read(Path(name), listed, chosen, is_in_folder=False)
        for listed in self._files.listed():
            read[listed.path] = self._read(listed.path, listed, LoRASettings(path=listed.path), is_in_folder=True)
        self._known, cards = read, tuple(each.card for each in read.values())
        self._seen = _Seen(time.monotonic(), _folders(self._settings.loras_dir, cards), cards)
        return cards

    def recent(self) -> tuple[LoRACard, ...]:
        """As `cards`, without a look at each file while no folder changed: a changed sidecar is seen after 2 s."""
        seen = self._seen
        is_fresh = time.monotonic() - seen.at < _FRESH_S
        if is_fresh and seen.folders == _folders(self._settings.loras_dir, seen.cards):
            return seen.cards
        return self.cards()

    def card(self, name: str) -> LoRACard | None:
        """The card of that name, or None."""
        found = [card for card in self.cards() if card.name == name]
        return min(found, key=lambda card: bool(card.refusal), default=None)

    def _read(self, key: Path, listed: Listed, chosen: LoRASettings, *, is_in_folder: bool) -> _Read:
        known = self._known.get(key)
        if known is not None and known.stamp == listed.stamp and known.card.refusal.startswith(listed.refusal):
            return known
        return _Read(listed.stamp, _card(listed, chosen, is_in_folder=is_in_folder))


def _beside(name: str, path: Path) -> Listed:
    """A file of the settings, with what lies beside it."""
    names = tuple(path.with_name(path.stem + end).name for end in (path.suffix, *SIDECARS, *SAMPLES))
    there = tuple(each for each in names if path.with_name(each).is_file())
    stats = [path.with_name(each).stat() for each in there]
    stamp = max((stat.st_mtime_ns for stat in stats), default=0), sum(stat.st_size for stat in stats)
    return Listed(name, path, stamp, there)


def _card(listed: Listed, chosen: LoRASettings, *, is_in_folder: bool) -> LoRACard:
    sidecars, notes = _sidecars(listed)
    try:
        refusal, family, header, is_dora = _header(listed)
        is_broken = False
    except ModelLoadFailed as error:
        refusal, family, header = error.why.removeprefix(f"{listed.path.name} "), "", Told()
        is_broken, is_dora = True, False
    told = _chosen(chosen).over(sidecars).over(header)
    sample = next((listed.path.with_name(listed.path.stem + end) for end in SAMPLES if _has(listed, end)), None)
    return LoRACard(
        name=listed.name,
        settings=chosen,
        told=told,
        family=family or family_named(told.made_for) or "",
        sample=chosen.sample or sample,
        bytes=_size(listed.path),
        is_in_folder=is_in_folder,
        refusal=refusal,
        has_magnitudes=is_dora,
        is_broken=is_broken,
        notes=notes,
    )


def _chosen(chosen: LoRASettings) -> Told:
    return Told(
        description=plain(chosen.description, MAX_DESCRIPTION),
        trigger_words=trigger_words(chosen.trigger_words),
        licence=plain(chosen.licence, MAX_LINE),
    )


def _sidecars(listed: Listed) -> tuple[Told, tuple[str, ...]]:
    told, notes = Told(), list[str]()
    for end in SIDECARS:
        if not _has(listed, end):
            continue
        path = listed.path.with_name(listed.path.stem + end)
        try:
            told = told.over(read_sidecar(path))
        except BadSidecar as error:
            notes.append(f"{path.name} {error}; it was left out")
    return told, tuple(notes)


def _header(listed: Listed) -> tuple[str, str, Told, bool]:
    """The reason it cannot be used, its family, what its header says, is it a DoRA? Raises `ModelLoadFailed`."""
    if listed.refusal:
        return listed.refusal, "", Told(), False
    names, metadata = names_and_metadata(listed.path)
    return refusal_of(names), family_of(metadata) or "", told_by_header(metadata), has_magnitudes(names)


def _has(listed: Listed, end: str) -> bool:
    return listed.path.stem + end in listed.beside


def _folders(root: Path, cards: Iterable[LoRACard]) -> tuple[tuple[Path, int], ...]:
    places = {root, *(card.settings.path.parent for card in cards if card.is_in_folder)}
    return tuple((place, _changed(place)) for place in sorted(places))


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
