"""The model works on pixels; this codec gives them the shape that latent pipelines expect."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green, blue in the fourth channel (ITU-R BT.601)."""


def with_luminance(colours: Tensor) -> Tensor:
    """Colours (B, 3, H, W) and their luminance, (B, 4, H, W)."""
    luminance = (colours * colours.new_tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)
    return torch.cat((colours, luminance), dim=1)


class ExactDistribution:
    """A posterior without spread: sampling it gives the latents themselves."""

    def __init__(self, latents: Tensor) -> None:
        self.mean = latents

    def sample(self, generator: object = None) -> Tensor:
        """The latents; there is nothing random to draw."""
        return self.mean

    def mode(self) -> Tensor:
        """The latents."""
        return self.mean


class PixelCodec(ModelMixin, ConfigMixin):
    """An autoencoder without parameters: latents are red, green, blue in [-1, 1] and their luminance.

    The redundant fourth channel makes four, the number stock inpainting takes for masked blending;
    one level of `block_out_channels` makes latents as large as pictures. Lossless for RGB.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 4,
        block_out_channels: tuple[int, ...] = (4,),
        scaling_factor: float = 1.0,
        sample_size: int = 64,
        force_upcast: bool = False,
    ) -> None:
        super().__init__()
        # `ModelMixin.dtype` needs one floating tensor; it also follows `.to(dtype)`.
        self.register_buffer("luminance", torch.tensor(LUMINANCE), persistent=True)

    def latents(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] -> latents (B, 4, H, W)."""
        return with_luminance(x)

    def encode(self, x: Tensor, return_dict: bool = True) -> AutoencoderKLOutput | tuple[ExactDistribution]:
        """Pictures (B, 3, H, W) in [-1, 1] -> latents (B, 4, H, W), as a distribution with no spread."""
        exact = ExactDistribution(self.latents(x))
        return AutoencoderKLOutput(latent_dist=exact) if return_dict else (exact,)

    def decode(self, z: Tensor, return_dict: bool = True, generator: object = None) -> DecoderOutput | tuple[Tensor]:
        """Latents (B, 4, H, W) -> pictures (B, 3, H, W) in [-1, 1]."""
        picture = z[:, :3].clamp(-1, 1)
        return DecoderOutput(sample=picture) if return_dict else (picture,)

    def forward(self, x: Tensor) -> Tensor:
        """Encode and decode (B, 3, H, W): the identity on [-1, 1]."""
        return self.decode(self.latents(x), return_dict=False)[0]
