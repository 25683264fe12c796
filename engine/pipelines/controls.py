"""Which of diffusers' classes draws with a control network, beside which pipeline. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from engine.pipelines.signatures import Signatures

LORA = "Control LoRA"
"""In place of a network's class: a file of low-rank weights."""
OWN = "own"
"""In place of a folder: the control network that the model brings itself."""


@dataclass(frozen=True, slots=True)
class ControlClass:
    """How one class of control network is used."""

    pipelines: Mapping[str, str]
    """A model's pipeline -> the one that draws with the network too."""
    component: str = "controlnet"
    modes: Mapping[str, int] = field(default_factory=dict[str, int])
    """Of a network for several kinds of maps: the number of each. Empty for one that is not told."""
    alike: tuple[str, ...] = ()
    """What its configuration must have in common with the denoiser's."""


_DIT = ("attention_head_dim", "num_attention_heads", "joint_attention_dim")
CLASSES: Mapping[str, ControlClass] = MappingProxyType(
    {
        "ControlNetModel": ControlClass(
            {
                "StableDiffusionPipeline": "StableDiffusionControlNetPipeline",
                "StableDiffusionXLPipeline": "StableDiffusionXLControlNetPipeline",
            },
            alike=("block_out_channels", "cross_attention_dim"),
        ),
        # xinsir's ControlNet++ numbers: pose, depth, soft lines, thin lines, normals, segments, tile, repaint.
        "ControlNetUnionModel": ControlClass(
            {"StableDiffusionXLPipeline": "StableDiffusionXLControlNetUnionPipeline"},
            modes={"pose": 0, "depth": 1, "scribble": 2, "edges": 3, "tile": 6},
            alike=("block_out_channels", "cross_attention_dim"),
        ),
        "T2IAdapter": ControlClass(
            {
                "StableDiffusionPipeline": "StableDiffusionAdapterPipeline",
                "StableDiffusionXLPipeline": "StableDiffusionXLAdapterPipeline",
            },
            component="adapter",
        ),
        "SD3ControlNetModel": ControlClass(
            {"StableDiffusion3Pipeline": "StableDiffusion3ControlNetPipeline"},
            alike=("attention_head_dim", "num_attention_heads", "caption_projection_dim"),
        ),
        # InstantX's numbers, by the table of their Union: canny, tile, depth, blur, pose, grey, low quality.
        "FluxControlNetModel": ControlClass(
            {"FluxPipeline": "FluxControlNetPipeline"},
            modes={"edges": 0, "scribble": 0, "tile": 1, "depth": 2, "pose": 4},
            alike=(*_DIT, "in_channels"),
        ),
        LORA: ControlClass({"FluxPipeline": "FluxControlPipeline"}, component=""),
        "ZImageControlNetModel": ControlClass({"ZImagePipeline": "ZImageControlNetPipeline"}, alike=("dim", "n_heads")),
        "QwenImageControlNetModel": ControlClass(
            {"QwenImagePipeline": "QwenImageControlNetPipeline"}, alike=(*_DIT, "in_channels")
        ),
        "HunyuanDiT2DControlNetModel": ControlClass(
            {"HunyuanDiTPipeline": "HunyuanDiTControlNetPipeline"},
            alike=("attention_head_dim", "num_attention_heads", "cross_attention_dim"),
        ),
        "SanaControlNetModel": ControlClass(
            {"SanaPipeline": "SanaControlNetPipeline"},
            alike=("attention_head_dim", "num_attention_heads", "caption_channels"),
        ),
    }
)
_WHOLE = frozenset({"FluxControlPipeline"})
"""Classes whose denoiser itself looks at the control picture, and so draws nothing without one."""


@dataclass(frozen=True, slots=True)
class ControlNetwork:
    """One control network of a model."""

    location: str
    """A folder or a file; "" where the model's own denoiser looks at the picture."""
    network: str = ""
    """The class of the network, or `LORA`."""
    mode: int | None = None
    """The number of the kind of map, for networks that must be told."""
    flaw: str = ""
    """Why it cannot be used; "" where nothing is known against it."""

    @property
    def component(self) -> str:
        """Under which name its pipeline takes it."""
        return CLASSES[self.network].component

    def pipeline(self, base: str) -> str:
        """The class that draws with it and with a model of that pipeline's class."""
        return CLASSES[self.network].pipelines[base]


def needs_control(pipeline: str) -> bool:
    """Whether a class draws nothing without a control picture."""
    return pipeline in _WHOLE


def plain_class(pipeline: str) -> str:
    """The class that draws the same without a control network: the class itself, unless it is one for control."""
    for each in CLASSES.values():
        for plain, controlled in each.pipelines.items():
            if controlled == pipeline and each.component:
                return plain
    return pipeline


def drawn_by(network: ControlNetwork, plain: str) -> str:
    """The class that draws with a network, for a model that the class `plain` draws without one."""
    return network.pipeline(plain) if network.network else plain


def takes_style(network: ControlNetwork, plain: str) -> bool:
    """Whether the class that draws with a network takes style pictures beside the control picture. Reads its source."""
    return "ip_adapter_image" in Signatures().of(drawn_by(network, plain)).defaults


def spoken(type_: str) -> str:
    """A kind of control picture in words."""
    return type_.replace("_", " ")


def network_of(location: str, network: str, type_: str) -> ControlNetwork:
    """A network for one kind of map, with its number where its class counts them."""
    modes = CLASSES[network].modes
    flaw = "" if not modes or type_ in modes else f"it was not trained for {spoken(type_)}"
    return ControlNetwork(location, network, modes.get(type_), flaw)
