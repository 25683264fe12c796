"""Canadian syllabics (Unicode block U+1400) that are drawn like Latin letters, beyond Unicode's own confusables."""

from __future__ import annotations

SYLLABICS = {
    "a": "ᗩᐱᗋᗨᗄᗆ", "b": "ᗸᕊᗽᗹᗺᗻᗼ", "c": "ᑕᑢᑖᑡᑣᙅᙃ", "d": "ᗫᗟᕲᖱᗠᗡᗬᗭᗥ", "e": "ᗴᗱᕮᙓᗕᙍᙦᗵᙔᙧ", "f": "ᖵᖷᖶ",
    "g": "ᘜᘐᕤᘏ", "h": "ᕻᕺᑋᖺᕹᑶᖹᖼ", "i": "ᓰᐃᐟᐠ", "j": "ᒎᑐᒙᒚᒛ", "l": "ᒫᒻᒺᒷᒹᓕᓫᒸ", "m": "ᘻᙏᘰᗶᘱᙢ", "n": "ᑎᘉᘦᑏᑙᘗᘘᑚ",
    "o": "ᗝᓍᑻᐤᗜᗢᗣ", "p": "ᕈᑬᑮᕵᖘᕾᑷᑸ", "q": "ᕴᖳᕳᕶ", "r": "ᖆᖉᖋᖏᖍᖎᒥᖅᖈᖊ", "s": "ᔕᔖᔗᔆᔓᔢᔘᔙᐢ",
    "t": "ᐪᒼᐩᕪ", "u": "ᑘᑗᕫᕰᑍᘮᕬᘴ", "v": "ᐺᐻᕓᘎᐰᐹᕔ", "w": "ᙎᘺᐍᙡ", "x": "ᐷ", "y": "ᖻᓯᖿ", "z": "ᘔᙆᙇ",
}  # fmt: skip
"""Latin letter -> signs that are read as it where somebody writes a Latin word with them."""


def syllabics() -> dict[int, str]:
    """Return the table from signs (code points) to lower-case Latin letters."""
    return {ord(sign): letter for letter, signs in SYLLABICS.items() for sign in signs}
