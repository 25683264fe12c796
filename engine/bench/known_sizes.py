"""`python -m engine.bench.known_sizes`: writes the sizes of known repositories' components.

Each is built from its configuration on the meta device, which holds no weights, and one pass of it is counted there.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import itertools
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from engine.bench.counted_bytes import CountedBytes
from engine.bench.full_size_parts import PARTS, REPOSITORIES, Part
from engine.memory.elements import Elements
from engine.memory.known_sizes import FILE
from engine.memory.tensor_kinds import sorted_elements

_HEAD = """\
# How many numbers the components of known repositories hold, and what a pass takes besides.
# Written by `python -m engine.bench.known_sizes`. `outside` and each of `blocks`: [linear, modulation, tables, rest],
# blocks after how often they are repeated. `values`: at a pass's peak, for each of its positions.
"""
_SIDE = 1024


class _Fused(TorchFunctionMode):
    """Attention as the kernels compute it, without a matrix of all pairs."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is not functional.scaled_dot_product_attention:
            return func(*args, **kwargs)
        named = dict(zip(("query", "key", "value"), args, strict=False)) | kwargs
        return named["query"].new_empty(*named["query"].shape[:-1], named["value"].shape[-1])


def main() -> None:
    """Write the file anew."""
    with resources.as_file(resources.files("engine") / FILE) as file:
        Path(file).write_text(_HEAD + "".join(lines()), "utf-8")


def lines() -> Iterator[str]:
    """The file's lines after its head."""
    counted = {name: "".join(_counted(part)) for name, part in PARTS.items()}
    for repository, components in REPOSITORIES.items():
        for component, part in components.items():
            yield f'\n["{repository}".{component}]\n{counted[part]}'


def _counted(part: Part) -> Iterator[str]:
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("meta"):
            module = part.build().eval()
            values = _values(module, part)
    finally:
        torch.set_default_dtype(default)
    outside, blocks = sorted_elements({name: weight.shape for name, weight in module.named_parameters()}, part.role)
    yield f'class = "{type(module).__name__}"\nrole = "{part.role}"\n'
    yield f"edge = {part.edge}\ntokens = {part.tokens}\nvalues = {values:.0f}\noutside = {_row(outside)}\n"
    equal = [(len(list(group)), block) for block, group in itertools.groupby(blocks)]
    yield f"blocks = [{', '.join(f'[{count}, {_row(block)[1:]}' for count, block in equal)}]\n"


@torch.no_grad()
def _values(module: torch.nn.Module, part: Part) -> float:
    """What a pass holds at its peak, for each of its positions."""
    counter = CountedBytes()
    counter.hold(module)
    weights = counter.now
    with _Fused(), counter:
        part.run(module, _SIDE)
    places = (_SIDE // part.edge) ** 2 if part.edge else 0
    return (counter.peak - weights) / torch.bfloat16.itemsize / (places + part.tokens)


def _row(elements: Elements) -> str:
    return f"[{elements.linear}, {elements.modulation}, {elements.tables}, {elements.rest}]"


if __name__ == "__main__":
    main()
