"""Text folding: turns look-alike characters, marks, digits and gaps back into plain words (Unicode TR 39)."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

import regex
from confusable_homoglyphs.confusables import confusables_data  # pyright: ignore[reportMissingTypeStubs]

from bot.domain.moderation.disguises import disguises
from bot.domain.moderation.syllabics import syllabics

_MARKS = re.compile(r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cf}\u2800]")
_ALPHABET_NAMES = re.compile(
    r"(?:REGIONAL INDICATOR SYMBOL LETTER|(?:NEGATIVE |)(?:SQUARED|CIRCLED) LATIN (?:CAPITAL|SMALL) LETTER"
    r"|PARENTHESIZED LATIN SMALL LETTER|LATIN LETTER SMALL CAPITAL) ([A-Z])"
)
_ALPHABETS = ((0x1D00, 0x1D25), (0x0262, 0x02A0), (0x1F110, 0x1F190), (0x1F1E6, 0x1F200))

_LEET = str.maketrans("03456789@$€+", "oeasgtbgaset")
_STROKE = re.compile(r"[1!|]")
_LEET_CHARS = re.compile(r"[0-9@$€+!|]")
_PIECE = re.compile(r"[^\W_]+")
_NOISE = re.compile(r"[^\w@$€+!|]|_")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_SPACED = re.compile(r"(?<![^\W_])[^\W_](?:(?:\s{4,}|[\W_]{1,3})[^\W_](?![^\W_])){2,}")


def fold(text: str) -> str:
    """Return the text in lower case without compatibility forms, look-alikes, marks and invisible characters."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", _INVISIBLE.sub("", text.casefold().translate(look_alikes())))
    return unicodedata.normalize("NFC", _MARKS.sub("", text).casefold().translate(look_alikes()))


def foldings(text: str) -> tuple[str, ...]:
    """Return the folded text and its further readings: without disguises, and with capitals as look-alikes."""
    found = [fold(text), *(fold(meant) for meant in disguises(text))]
    if not text.isascii():
        found.append(fold(text.translate(look_alikes())))
    return tuple(dict.fromkeys(found))


@functools.cache
def look_alikes() -> dict[int, str]:
    """Return the table from look-alike characters (code points) to lower-case Latin letters and digits."""
    table = syllabics()
    for char, alternatives in confusables_data.items():
        if char.isascii() or len(char) != 1:
            continue
        for alternative in alternatives:
            plain = _MARKS.sub("", alternative["c"])
            if plain.isascii() and plain.isalnum() and len(plain) == 1:
                table[ord(char)] = plain.lower()
                break
    for first, end in _ALPHABETS:
        for code in range(first, end):
            if found := _ALPHABET_NAMES.fullmatch(unicodedata.name(chr(code), "")):
                table[code] = found[1].lower()
    return table


def tokens(folded: str) -> Iterator[tuple[str, ...]]:
    """Yield each word of a folded text with its possible readings, in order, then the spelled-out words ("p o r n")."""
    for chunk in folded.split():
        if chunk.isalpha():
            yield (chunk, *unstretched(chunk))
            continue
        pieces = _PIECE.findall(chunk)
        for place, piece in enumerate(pieces):
            yield (piece, *(readings(chunk) if place == 0 else ()), *readings(piece))
        if not pieces:
            yield from ((reading,) for reading in readings(chunk))
    for run in _SPACED.finditer(folded):
        word = "".join(_PIECE.findall(run[0]))
        # "a" and "I" beside the spelled-out word are words themselves.
        spelled = dict.fromkeys((word, word.removeprefix("a"), word.removeprefix("i")))
        yield ()
        yield tuple(reading for word in spelled for reading in (word, *readings(word)))


def readings(chunk: str) -> list[str]:
    """Return the possible readings of a chunk with digits, symbols or gaps: "p0rn" and "po-rn" give "porn"."""
    found: list[str] = []
    for word in dict.fromkeys((chunk, chunk.rstrip("!|+$€@?.,;:"))):
        joined = _NOISE.sub("", word)
        if _LEET_CHARS.search(joined) and any(char.isalpha() for char in joined):
            plain = joined.translate(_LEET)
            meant = [_STROKE.sub(letter, plain) for letter in "il"] if _STROKE.search(plain) else [plain]
        else:
            meant = [joined]
        found += [reading for word in meant for reading in (word, *unstretched(word))]
    return list(dict.fromkeys(found))


def unstretched(word: str) -> tuple[str, ...]:
    """Return the readings of a word with stretched letters: "pooorn" gives "porn" and "poorn"."""
    if not _STRETCHED.search(word):
        return ()
    return _STRETCHED.sub(r"\1", word), _STRETCHED.sub(r"\1\1", word)
