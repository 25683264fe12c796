"""What the files of a model of transformers lack. Of that transformers says so in its log, and draws it at random."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (transformers leaves most types open)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

_HARMLESS = ("position_ids", "num_batches_tracked")
"""How names of buffers end that old files lack, and on which nothing depends."""
_NAMED = 2
"""Weights that are named of those that are lacking."""


def lacking(module: nn.Module, said: Mapping[str, Any], but_for_its_head: bool = False) -> str:
    """What a module lacks, as the end of a sentence; "" where its files have all of it.

    Args:
        module: As transformers has read it.
        said: What `from_pretrained` says of it with `output_loading_info`.
        but_for_its_head: Whether the layer may be lacking that makes words of what an encoder sees: pipelines do not
            ask for them.
    """
    ask: Any = getattr(module, "get_output_embeddings", None) if but_for_its_head else None
    head: Any = None if ask is None else ask()
    unasked = set[int]() if head is None else {id(weight) for weight in head.parameters()}
    harmless = {name for name, weight in module.named_parameters() if id(weight) in unasked}
    names = sorted(name for name in said["missing_keys"] if not name.endswith(_HARMLESS) and name not in harmless)
    return lacking_words(names) if names else ""


def lacking_words(names: Sequence[str]) -> str:
    """The end of a sentence about what lacks these weights."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"lacks weights in its files: {', '.join(names[:_NAMED])}{more}"
