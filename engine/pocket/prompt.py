"""What the denoiser is told of a request: token states of its words, and drawings that were remembered for them."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.pocket.hints import Hints
from engine.pocket.pose import Pose, static_of
from engine.pocket.pose_search import pose_in
from engine.pocket.recall import fitted, rows_of, unpacked
from engine.pocket.settling import Settling


@dataclass(frozen=True)
class Prompt:
    """Rows of one pass.

    Args:
        words: Token states (B, L, D); all-zero places are padding.
        drawings: (B, C, H, W), clear where nothing was remembered; None for a network without memory.
        alone: (B,) whether they show one thing, that may stand anyhow.
        mirrorable: (B,) whether they may be mirrored.
    """

    words: Tensor
    drawings: Tensor | None = None
    alone: Tensor | None = None
    mirrorable: Tensor | None = None

    @staticmethod
    def of(states: Tensor, remembered: int) -> Prompt:
        """Split states (B, L + R, D), of which the last R hold `remembered` drawings."""
        if not remembered:
            return Prompt(states)
        behind = rows_of(remembered, states.shape[-1])
        return Prompt(states[:, :-behind], *unpacked(states[:, -behind:], remembered))

    def spoken(self) -> Prompt:
        """Without the places that are padding in every row: nobody looks at those."""
        return replace(self, words=spoken(self.words))

    def placed(self, sample: Tensor, signal_to_noise: Tensor, hints: Hints | None = None) -> Prompt:
        """With drawings as large as the sample, where its static puts them; none where hints say what is where."""
        if self.drawings is None or self.alone is None or self.mirrorable is None:
            return self
        pose = Pose.of(static_of(sample, signal_to_noise))
        drawings = pose.place(fitted(self.drawings, *sample.shape[2:]), self.alone, self.mirrorable)
        return replace(self, drawings=drawings if hints is None else drawings * hints.silent[:, None, None, None])

    def settling(self, picture: Tensor, multiple: int, freedom: float) -> Settling | None:
        """How a picture (1, 3, H, W) in [0, 1] and noise are made to agree, for a prompt of one row.

        None where nothing that is remembered for it is seen there. For `multiple` and `freedom` see `Settling`.
        """
        if self.drawings is None or self.alone is None or self.mirrorable is None or not bool(self.alone):
            return None
        mirrorable = bool(self.mirrorable)
        pose = pose_in(picture, self.drawings, alone=True, mirrorable=mirrorable)
        return None if pose is None else Settling(pose, mirrorable, multiple, freedom)

    def reduced(self, reduction: int) -> Prompt:
        """With drawings as much smaller as the sketch is."""
        return replace(self, drawings=None if self.drawings is None else F.avg_pool2d(self.drawings, reduction))

    def before_none(self, no_words: Tensor, rows: int) -> Prompt:
        """The same, and as many further rows of the empty prompt, whose states are (1, L, D), without drawings."""
        length = max(self.words.shape[1], no_words.shape[1])
        empty = no_words.to(self.words).expand(rows, -1, -1)
        words = torch.cat((_padded(self.words, length), _padded(empty, length)))
        drawings = self.drawings
        return Prompt(words, None if drawings is None else F.pad(drawings, (0, 0, 0, 0, 0, 0, 0, rows)))


def spoken(states: Tensor) -> Tensor:
    """Token states (B, L, D) without the places that are padding in every row."""
    heard = (states.abs().amax(-1) > 0).any(0).nonzero()
    return states[:, : int(heard[-1]) + 1] if len(heard) else states[:, :1]


def _padded(states: Tensor, length: int) -> Tensor:
    return F.pad(states, (0, 0, 0, length - states.shape[1]))
