"""Words that a memory understands beside the names and keywords of its drawings."""

from collections.abc import Mapping

from engine.pocket.layouts import Meaning

_NEXT_TO = """
next to, and, beside, besides, by, near, with, in, inside, holding, behind, in front of, between, at, meets, versus,
vs, &, plus, left of, right of
"""
_NOTHING = """
a, an, the, of, style, background, emoji, sticker, logo, picture of, drawing of, icon of, image of, photo of,
painting of, no, not, very, big, huge, cute, beautiful, nice, new, old, good, bad, to, is, up, down, high, quality,
detailed, my, your, i, you, it, this, that, for, from, low, blurry, ugly, worst, deformed, watermark, text, noise,
in the sky, on a table, on the table
"""


def _listed(words: str) -> tuple[str, ...]:
    return tuple(" ".join(each.split()) for each in words.split(","))


WORDS: Mapping[Meaning, tuple[str, ...]] = {
    Meaning.NEXT_TO: _listed(_NEXT_TO),
    Meaning.ABOVE: _listed("above, on top of, over, on, on a, on the, riding, riding a"),
    Meaning.BELOW: _listed("below, under, beneath, underneath"),
    Meaning.SMALL: _listed("small, tiny, little"),
    Meaning.TWO: _listed("two, a pair of, pair of, twin"),
    Meaning.THREE: ("three",),
    Meaning.FOUR: ("four",),
    Meaning.PATTERN: _listed("pattern of, a pattern of, pattern, many, lots of"),
    Meaning.NOTHING: _listed(_NOTHING),
}
"""What words say that name nothing."""

USUAL: Mapping[str, str] = {
    "apple": "red apple", "heart": "red heart", "love": "red heart", "orange": "tangerine",
    "flower": "cherry blossom", "tree": "deciduous tree", "coffee": "hot beverage", "tea": "teacup without handle",
    "mug": "hot beverage", "cup of coffee": "hot beverage", "cup of tea": "teacup without handle",
    "spaceship": "rocket", "spacecraft": "rocket", "ufo": "flying saucer", "fire truck": "fire engine",
    "smiley": "grinning face", "fries": "french fries", "kitten": "cat face", "puppy": "dog face",
    "forest": "evergreen tree", "island": "desert island", "bike": "bicycle", "plane": "airplane",
    "ship": "sailboat", "boat": "sailboat", "computer": "laptop", "phone": "mobile phone", "cake": "shortcake",
    "hat": "top hat", "knight": "crossed swords", "sword": "dagger", "circle": "red circle",
    "square": "blue square", "book": "closed book", "ball": "soccer ball", "moon": "crescent moon",
}  # fmt: skip
"""What people mean by words that several drawings, or others first, are called by."""

_HOW = """
angry, sleepy, sleeping, crying, loudly crying, grinning, winking, thinking, partying, relieved, smirking, neutral,
unamused, pensive, confused, kissing, disappointed, worried, enraged, fearful, weary, tired, astonished, flushed,
frowning, smiling, drooling, lying, sneezing, zany, yawning, hot, cold, disguised, pleading, melting, saluting, shaking,
nerd
"""
HOW: tuple[str, ...] = _listed(_HOW)
"""Names of faces in short that are adjectives: beside another name they say how that is ("a sleepy fox")."""

LATER_NOTHING: tuple[str, ...] = _listed(
    """
    long, lily pad, in the woods, wearing, who, please, would like, one, time, full of, at home, with eyes,
    with a smile, with a face, with long hair, with short hair
    """
)
LATER_COUNTS: Mapping[str, Meaning] = {
    "five": Meaning.FIVE, "six": Meaning.SIX, "seven": Meaning.SEVEN, "eight": Meaning.EIGHT,
    "nine": Meaning.PATTERN, "ten": Meaning.PATTERN, "a dozen": Meaning.PATTERN, "dozen": Meaning.PATTERN,
    "a bunch of": Meaning.PATTERN, "a couple of": Meaning.TWO, "5": Meaning.FIVE, "6": Meaning.SIX,
    "2": Meaning.TWO, "3": Meaning.THREE, "4": Meaning.FOUR,
}  # fmt: skip
LATER_USUAL: Mapping[str, str] = {
    "car": "automobile", "cars": "automobile", "cabin": "house", "monster": "ogre",
    "ramen": "steaming bowl", "noodles": "steaming bowl", "bowl of ramen": "steaming bowl",
    "wizard": "mage", "sheep": "ewe", "bearded man": "man beard", "man with a beard": "man beard",
    "man with beard": "man beard", "woman with red hair": "woman red hair", "man with red hair": "man red hair",
    "woman with curly hair": "woman curly hair", "man with curly hair": "man curly hair", "bald man": "man bald",
    "woman with blond hair": "woman blond hair", "man with blond hair": "man blond hair",
    "woman with white hair": "woman white hair", "man with white hair": "man white hair",
    "haunted house": "derelict house", "snowman with a carrot nose": "snowman", "chef hat": "cook",
}  # fmt: skip
"""Names for what is drawn under another one; see `later_words`."""
