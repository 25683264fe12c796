"""diffusers' group offloading with prefetching, over a link that needs no GPU: its hooks and its order of transfers."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false
# (diffusers has hardly any types)

from __future__ import annotations

from typing import Any
from unittest import mock

import torch
from diffusers.hooks import group_offloading

from engine.bench.paced_link import PacedLink
from engine.loading.weight_link import Wait


class _Stream:
    """What diffusers takes for a CUDA stream: copies go over the link."""

    def __init__(self, link: PacedLink) -> None:
        self.link, self.waits = link, list[Wait]()

    def synchronize(self) -> None:
        while self.waits:
            self.waits.pop(0)()


def group_offload(module: torch.nn.Module, link: PacedLink) -> None:
    """Offload the module block by block, each brought in ahead of its turn, as diffusers does with a stream."""
    config: Any = group_offloading.GroupOffloadingConfig(
        onload_device=torch.device("cpu"),
        offload_device=torch.device("meta"),  # its hooks compare devices; weights that are here are not on this one
        offload_type=group_offloading.GroupOffloadingType.BLOCK_LEVEL,
        non_blocking=True,
        record_stream=False,
        low_cpu_mem_usage=True,
        num_blocks_per_group=1,
        stream=_Stream(link),  # pyright: ignore[reportArgumentType]
    )
    with mock.patch.object(group_offloading, "ModuleGroup", _group_over(link)):
        group_offloading._apply_group_offloading(module, config)


def _group_over(link: PacedLink) -> type:
    class Group(group_offloading.ModuleGroup):
        """A group whose transfers take the link, and whose way back costs nothing."""

        def _init_cpu_param_dict(self) -> dict[Any, Any]:
            everything = [each for module in self.modules for each in (*module.parameters(), *module.buffers())]
            return {each: each.data for each in (*everything, *self.parameters, *self.buffers)}

        def _onload_from_memory(self) -> None:
            stream: Any = self.stream
            if stream is not None:
                stream.synchronize()
            waits: list[Wait] = []
            for tensor, source in self.cpu_param_dict.items():
                target = torch.empty_like(source)
                waits.append(link.copy(source, target, None))
                tensor.data = target
            if stream is not None and self.non_blocking:  # in its first pass it learns the order, and waits
                stream.waits += waits
                return
            for wait in waits:
                wait()

        def _offload_to_memory(self) -> None:
            for tensor, source in self.cpu_param_dict.items():
                tensor.data = source

    return Group
