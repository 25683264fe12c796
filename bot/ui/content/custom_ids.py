"""Custom ids of buttons and forms: an act, a job and a cell, as `dr:<act>:<job>:<cell>`."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Self

from bot.domain.rounds.round import RoundAct

GAME_TEMPLATE = r"dr-game:(?P<act>[jqsxtdfhlnb]):(?P<game>[0-9a-z]{1,16}):(?P<slot>[0-9]{1,3})"
GUESS_TEMPLATE = r"dr-guess:(?P<game>[0-9a-z]{1,16}):(?P<stage>[0-9]{1,3})"
ROUND_TEMPLATE = rf"dr-round:(?P<act>{'|'.join(RoundAct)}):(?P<round>[0-9a-z]{{1,16}}):(?P<slot>[0-9]{{1,2}})"
HALL_TEMPLATE = r"dr-hall:(?P<way>[on]):(?P<round>[0-9a-f]{1,16})"
KIN_TEMPLATE = r"dr-kin:(?P<job>[0-9A-Za-z_-]{1,64})"
SHEET_TEMPLATE = r"dr-sheet:(?P<act>dv|dm):(?P<job>[0-9A-Za-z_-]{1,64})"
ID_LIMIT = 100
"""Discord takes no longer ids."""


class Act(enum.StrEnum):
    """What pressing a button does. The values stand in messages that are years old: never change one."""

    SHOW = "u"
    VARY = "v"
    REROLL = "r"
    CANCEL = "x"
    FETCH = "f"
    RECIPE = "i"
    AGAIN = "a"
    TIMELAPSE = "t"
    UPSCALE_SUBTLE = "us"
    UPSCALE_CREATIVE = "uc"
    VARY_SUBTLE = "vs"
    VARY_STRONG = "vt"
    VARY_REGION = "vr"
    ZOOM_OUT_1_5 = "z15"
    ZOOM_OUT_2 = "z20"
    ZOOM_CUSTOM = "zc"
    PAN_LEFT = "pl"
    PAN_RIGHT = "pr"
    PAN_UP = "pu"
    PAN_DOWN = "pd"
    DESCRIBE = "d"
    CAPTION = "c"
    PERMUTE = "p"
    STAR = "s"
    STAR_ALL = "sa"
    DECIDE = "g"
    DRAFT = "dr"
    DEVELOP = "dv"
    MORE = "dm"
    EDIT = "e"
    EDIT_REGION = "er"
    BRANCH = "b"
    FAMILY = "k"
    LET_ALL = "la"
    LET_ASK = "lk"
    LET_NOBODY = "ln"
    LET_SAME = "ls"
    EXPRESSION = "ex"
    CUT_OUT = "co"
    RICHER = "ri"
    FORM = "fm"


TEMPLATE = rf"dr:(?P<act>{'|'.join(Act)}):(?P<job>[0-9A-Za-z_-]{{1,64}}):(?P<cell>[0-9]{{1,2}})"
_COMPILED = re.compile(TEMPLATE)


@dataclass(frozen=True, slots=True)
class ButtonId:
    """The act, the job it is about, and the cell (from 0; 0 where the act is about the whole grid)."""

    act: Act
    job_id: str
    cell: int = 0

    def __str__(self) -> str:
        return f"dr:{self.act.value}:{self.job_id}:{self.cell}"

    @classmethod
    def parse(cls, custom_id: str) -> Self | None:
        """The id a button carries, or None when it is none of ours or of a version that is gone."""
        found = _COMPILED.fullmatch(custom_id)
        return None if found is None else cls.read(found)

    @classmethod
    def read(cls, found: re.Match[str]) -> Self:
        """The id that `TEMPLATE` has found."""
        return cls(Act(found["act"]), found["job"], int(found["cell"]))


@dataclass(frozen=True, slots=True)
class RoundId:
    """What a round's button carries: `dr-round:<act>:<round>:<slot>`."""

    act: RoundAct
    round_id: str
    slot: int = 0

    def __str__(self) -> str:
        return f"dr-round:{self.act.value}:{self.round_id}:{self.slot}"


class GameAct(enum.StrEnum):
    """What pressing a game's button does. The values stand in messages that are years old: never change one."""

    JOIN = "j"
    LEAVE = "q"
    START = "s"
    STOP = "x"
    TELL = "t"
    DEAL = "d"
    FAKE = "f"
    HAND = "h"
    LINE = "l"
    NEXT = "n"
    BEST = "b"


@dataclass(frozen=True, slots=True)
class GameId:
    """What a game's button carries: `dr-game:<act>:<game>:<slot>`; the slot is the stage, for BEST the chain."""

    act: GameAct
    game_id: str
    slot: int = 0

    def __str__(self) -> str:
        return f"dr-game:{self.act.value}:{self.game_id}:{self.slot}"


class FormKind(enum.StrEnum):
    """What a form is for. The values stand in forms that are open while the bot restarts."""

    REMIX = "r"
    REGION = "g"
    ZOOM = "z"
    STYLE = "s"
    MENU = "m"
    LORA = "l"
    MODEL = "o"
    RECIPE = "c"
    TELL = "t"
    FAKE = "f"
    LINE = "ln"
    WILD = "w"
    EDIT = "e"
    MENU_EDIT = "me"
    EDIT_REGION = "er"
    BRANCH = "b"
    IMAGINE = "i"
    SETTINGS = "st"
    EXPRESSION = "ex"


@dataclass(frozen=True, slots=True)
class FormId:
    """What a form carries: its kind, and what it is about (a button's id, a style, a message)."""

    kind: FormKind
    about: str

    def __str__(self) -> str:
        return f"drf:{self.kind.value}:{self.about}"[:ID_LIMIT]

    @classmethod
    def parse(cls, custom_id: str) -> Self | None:
        """The id a form carries, or None when it is none of ours or of a version that is gone."""
        prefix, _, rest = custom_id.partition(":")
        kind, _, about = rest.partition(":")
        if prefix != "drf" or kind not in set(FormKind):
            return None
        return cls(FormKind(kind), about)
