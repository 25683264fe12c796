"""The denoiser: a noisy picture and a sentence's token states in, the velocity towards the clean picture out."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import Tensor, nn

from engine.pocket.blocks import FREQUENCIES, JointBlock, Refiner, ResidualBlock, Sketch, axial_rotation, level_features
from engine.pocket.checkpoint import naming, read_no_words, write_no_words
from engine.pocket.codec import with_luminance
from engine.pocket.errors import BrokenWeights
from engine.pocket.hints import Hints
from engine.pocket.noise import GUIDANCE_EMBEDDING, enlarged, excess_of, levels, reduced
from engine.pocket.prompt import Prompt
from engine.pocket.recall import Recall
from engine.pocket.settling import Settling

_FULL_RESOLUTION_CHANNELS = 16


class PocketDenoiser(ModelMixin, ConfigMixin):
    """A pixel-space hybrid with the call shape of `UNet2DConditionModel`, v-prediction.

    A sketch is made first, of the sample averaged over `reduction` x `reduction` pixels (which averages much
    of the noise away): patches pass convolutions, 2 x 2 of them become tokens for a joint transformer with the
    text, convolutions with a skip draw. A `Refiner` then makes the full picture of sketch and sample. The
    network estimates the clean picture x and returns v = (alpha x_t - x) / sigma (x-prediction, arXiv
    2511.13720), so every diffusers noise scheduler with `prediction_type="v_prediction"` drives it.

    It takes two rows for each picture, as every model does, or one row with an embedded guidance scale: see
    `guide_itself`.

    Args:
        sample_size: Edge of the pictures it was trained on; any size runs.
        in_channels: Latent channels: red, green, blue, luminance (see `PixelCodec`).
        patch_size: Pixels per patch edge.
        conv_channels: Width of the convolutional part.
        width: Width of the transformer.
        depth: Number of transformer blocks.
        heads: Attention heads.
        cross_attention_dim: Width of the text encoder's states.
        reduction: How much smaller the sketch is; 1 draws at full size without a refiner.
        refine_channels: Width of the refiner.
        remembered: How many remembered drawings come behind the words, 0 for none; see `Recall`.
        time_cond_proj_dim: 4 makes pipelines of diffusers hand over the guidance scale; see `guide_itself`.
    """

    _repeated_blocks = ("JointBlock", "ResidualBlock")
    fixed_shapes: bool = False
    """Compute every row by the same operations whatever the others are; costs time."""
    no_words: Tensor | None
    """Token states of the empty prompt (1, L, D), for guidance inside."""

    @register_to_config
    def __init__(
        self,
        sample_size: int = 64,
        in_channels: int = 4,
        patch_size: int = 4,
        conv_channels: int = 128,
        width: int = 256,
        depth: int = 8,
        heads: int = 4,
        cross_attention_dim: int = 384,
        time_cond_proj_dim: int | None = None,
        reduction: int = 2,
        refine_channels: int = 48,
        remembered: int = 0,
    ) -> None:
        super().__init__()
        self.register_buffer("no_words", None, persistent=False)
        self._remembered = remembered
        self._reduction, self._multiple = reduction, reduction * patch_size * 2
        self._patch, self._head = patch_size, width // heads
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.sentence = nn.Linear(cross_attention_dim, width)
        self.modulation = nn.Linear(width, 6 * width)
        self.words = nn.Linear(cross_attention_dim, width)
        self.patch_in = nn.Conv2d(in_channels * patch_size**2, conv_channels, 3, padding=1)
        self.encode = nn.ModuleList(ResidualBlock(conv_channels, width) for _ in range(2))
        self.tokens_in = nn.Linear(4 * conv_channels, width)
        self.blocks = nn.ModuleList(JointBlock(width, heads) for _ in range(depth))
        self.tokens_out = nn.Linear(width, 4 * conv_channels)
        self.merge = nn.Conv2d(2 * conv_channels, conv_channels, 1)
        self.decode = nn.ModuleList(ResidualBlock(conv_channels, width) for _ in range(2))
        self.patch_out = nn.Conv2d(conv_channels, _FULL_RESOLUTION_CHANNELS * patch_size**2, 1)
        first = nn.Conv2d(_FULL_RESOLUTION_CHANNELS + in_channels, _FULL_RESOLUTION_CHANNELS, 3, padding=1)
        self.finish = nn.Sequential(first, nn.SiLU(), nn.Conv2d(_FULL_RESOLUTION_CHANNELS, 3, 3, padding=1))
        features, refined = _FULL_RESOLUTION_CHANNELS, refine_channels if reduction > 1 else 0
        self.refine = Refiner(reduction, in_channels, features, refined, width) if refined else None
        looks = (patch_size, conv_channels, features, refined, reduction)
        self.recall = Recall(remembered, *looks) if remembered else None
        for parameter in self.modulation.parameters():
            nn.init.zeros_(parameter)

    @classmethod
    def from_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride] - a folder, never a hub name or None
        cls, pretrained_model_name_or_path: str | Path, **kwargs: Any
    ) -> Self:
        """Load a folder, as every ModelMixin does.

        Raises:
            BrokenWeights: the file is damaged or does not fit the config beside it.
        """
        folder = Path(pretrained_model_name_or_path) / kwargs.get("subfolder", "")
        file = folder / "diffusion_pytorch_model.safetensors"
        with naming(file):
            if not file.exists():
                raise FileNotFoundError(file)  # diffusers would look for it on a hub
            load: Any = super().from_pretrained
            model, found = load(str(pretrained_model_name_or_path), **kwargs | {"output_loading_info": True})
        if found["missing_keys"] or found["unexpected_keys"] or found["mismatched_keys"]:
            raise BrokenWeights(file, "its tensors are of another model")
        no_words = read_no_words(folder)
        model.no_words = None if no_words is None else no_words.to(model.dtype)
        return model

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Write config.json and weights, as every ModelMixin does, and the empty prompt's states beside them."""
        save: Any = super().save_pretrained
        save(save_directory, **kwargs)
        if self.no_words is not None:
            write_no_words(self.no_words, Path(save_directory))

    def guide_itself(self) -> bool:
        """Have pipelines give one row with the guidance scale; False where the empty prompt's states are not known.

        Pipelines leave a negative prompt out then: call it for requests without one. What it changes is only this
        object's configuration: of several that share their weights, each may be used in its own way.
        """
        if self.no_words is not None:
            self.register_to_config(time_cond_proj_dim=GUIDANCE_EMBEDDING)
        return self.no_words is not None

    def settling(self, picture: Tensor, states: Tensor, freedom: float = 0.0) -> Settling | None:
        """See `Prompt.settling`, for states (1, L, 384)."""
        return self._heard(states).settling(picture, self._multiple, freedom)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | float,
        encoder_hidden_states: Tensor,
        return_dict: bool = True,
        timestep_cond: Tensor | None = None,
        down_intrablock_additional_residuals: Sequence[Tensor] | None = None,
        **_: object,
    ) -> UNet2DConditionOutput | tuple[Tensor]:
        """Predict v.

        Args:
            sample: Noisy latents (B, 4, H, W), variance preserving.
            timestep: 0..999, one for all rows or one per row; fractions are interpolated.
            encoder_hidden_states: Token states (B, L, 384); all-zero rows are padding. Remembered drawings lie behind.
            return_dict: False returns a 1-tuple, as diffusers pipelines ask for.
            timestep_cond: The guidance scale, embedded by the pipeline (B, 4), to guide inside.
            down_intrablock_additional_residuals: What an adapter says of a control picture, see `Hints`.
        """
        told = down_intrablock_additional_residuals
        hints = None if told is None else Hints.of(told)
        steps = torch.as_tensor(timestep, device=sample.device, dtype=torch.float32).expand(len(sample))
        alpha, sigma = levels(steps)
        excess = None if timestep_cond is None else excess_of(timestep_cond)
        clean = self.predict_clean(sample, alpha / sigma, encoder_hidden_states, excess, hints)
        alpha, sigma = alpha[:, None, None, None], sigma[:, None, None, None]
        velocity = ((alpha * sample.float() - clean.float()) / sigma).to(sample.dtype)
        return UNet2DConditionOutput(sample=velocity) if return_dict else (velocity,)

    def predict_clean(
        self,
        sample: Tensor,
        signal_to_noise: Tensor,
        states: Tensor,
        excess: Tensor | None = None,
        hints: Hints | None = None,
    ) -> Tensor:
        """The clean latents (B, 4, H, W) behind `sample`, given alpha / sigma per row (B,); the rest as `estimates`."""
        padded = enlarged(sample, self._multiple)
        hints = hints and hints.padded(padded.shape[2:])
        prompt = self._heard(states) if self.fixed_shapes else self._heard(states).spoken()
        sketch, picture = self._drawn(padded, signal_to_noise, prompt, excess, hints)
        colour = sketch.colours if picture is None else picture
        return with_luminance(colour[:, :, : sample.shape[2], : sample.shape[3]])

    def estimates(
        self,
        sample: Tensor,
        signal_to_noise: Tensor,
        states: Tensor,
        excess: Tensor | None = None,
        hints: Hints | None = None,
    ) -> tuple[Tensor, ...]:
        """The sketch (B, 3, h, w) if there is one, and the picture (B, 3, H, W); `excess` (B,) is the scale less 1."""
        sketch, picture = self._drawn(sample, signal_to_noise, self._heard(states), excess, hints)
        return (sketch.colours,) if picture is None else (sketch.colours, picture)

    def drawn(self, sample: Tensor, signal_to_noise: Tensor, states: Tensor) -> tuple[Sketch, Tensor | None]:
        """What training compares: the sketch, and the picture (B, 3, H, W) where the sketch is none already."""
        return self._drawn(sample, signal_to_noise, self._heard(states), None, None)

    def sketch(self, sample: Tensor, signal_to_noise: Tensor, states: Tensor, hints: Hints | None = None) -> Sketch:
        """The sketch alone, at the sample's own size."""
        prompt = self._heard(states).placed(sample, signal_to_noise, hints)
        return self._sketch(sample, signal_to_noise, prompt, hints)

    def _heard(self, states: Tensor) -> Prompt:
        return Prompt.of(states, self._remembered)

    def _drawn(
        self, sample: Tensor, signal_to_noise: Tensor, prompt: Prompt, excess: Tensor | None, hints: Hints | None
    ) -> tuple[Sketch, Tensor | None]:
        weights = None if excess is None else excess.clamp(min=0)
        prompt = prompt.placed(sample, signal_to_noise, hints)
        if self.refine is None:
            return self._guided_sketch(sample, signal_to_noise, prompt, weights, hints), None
        small, ratio = reduced(sample, signal_to_noise, self._reduction)
        sketch = self._guided_sketch(small, ratio, prompt.reduced(self._reduction), weights, hints)
        told = hints and hints.refined
        if self.recall is None or prompt.drawings is None:
            return sketch, self.refine(sample, *sketch, told)[0]
        heard = self.recall.refined(prompt.drawings)
        picture, hidden = self.refine(sample, *sketch, heard if told is None else told + heard)
        return sketch, picture + self.recall.detailed(hidden, prompt.drawings)

    def _guided_sketch(
        self, sample: Tensor, signal_to_noise: Tensor, prompt: Prompt, weights: Tensor | None, hints: Hints | None
    ) -> Sketch:
        """As `sketch`; rows with a weight above 0 (B,) are moved by as much away from what they are without words.

        Without hints and memories, too: so the guidance scale also says how closely a control picture is kept to.
        """
        if weights is None or self.no_words is None:
            return self._sketch(sample, signal_to_noise, prompt, hints)
        rows = (torch.ones_like(weights) if self.fixed_shapes else weights).nonzero()[:, 0]
        made = self._sketch(
            torch.cat((sample, sample[rows])),
            torch.cat((signal_to_noise, signal_to_noise[rows])),
            prompt.before_none(self.no_words, len(rows)),
            hints and hints.before_none(len(rows)),
        )
        count = len(sample)
        away = weights[rows, None, None, None].to(made.colours) * (made.colours[rows] - made.colours[count:])
        colours = made.colours[:count].index_add(0, rows, away)
        return Sketch(colours, made.features[:count], made.condition[:count])

    def _sketch(self, sample: Tensor, signal_to_noise: Tensor, prompt: Prompt, hints: Hints | None) -> Sketch:
        states = prompt.words
        present = states.abs().amax(-1) > 0
        condition = F.silu(self._condition(signal_to_noise, states, present))
        patches = F.pixel_unshuffle(sample, self._patch).to(memory_format=torch.channels_last)
        hidden = self.patch_in(patches) if hints is None else self.patch_in(patches) + hints.patches
        drawings = prompt.drawings
        hidden = hidden if self.recall is None or drawings is None else hidden + self.recall.patches(drawings)
        for block in self.encode:
            hidden = block(hidden, condition)
        hidden = hidden if hints is None else hidden + hints.planned
        planned = self._plan(hidden, condition, states, present)
        hidden = self.merge(torch.cat((hidden, planned), dim=1))
        for block in self.decode:
            hidden = block(hidden, condition)
        features = F.pixel_shuffle(self.patch_out(hidden), self._patch)
        features = features if hints is None else features + hints.drawn
        finished = self.finish[0](torch.cat((features, sample), dim=1))
        if self.recall is None or drawings is None:
            return Sketch(self.finish[1:](finished), features, condition)
        colours = self.finish[1:](finished + self.recall.finish(drawings))
        return Sketch(colours + self.recall.sketched(hidden, drawings), features, condition)

    def _condition(self, signal_to_noise: Tensor, states: Tensor, present: Tensor) -> Tensor:
        """Noise level and sentence mean in one vector (B, D)."""
        time = self.time(level_features(signal_to_noise).to(states.dtype))
        count = present.sum(1, keepdim=True).clamp(min=1)
        return time + self.sentence(states.sum(1) / count.to(states.dtype))

    def _plan(self, hidden: Tensor, condition: Tensor, states: Tensor, present: Tensor) -> Tensor:
        """The transformer: pairs of patches and words look at each other; returns patch features."""
        tokens = F.pixel_unshuffle(hidden, 2)
        rows, columns = tokens.shape[2:]
        tokens = self.tokens_in(tokens.flatten(2).transpose(1, 2))
        count = tokens.shape[1]
        tokens = torch.cat((tokens, self.words(states)), dim=1)
        rotation = axial_rotation(rows, columns, states.shape[1], self._head, tokens.device)
        mask = F.pad(present, (count, 0), value=True)[:, None, None, :]
        shared = self.modulation(condition).unflatten(1, (6, -1))
        for block in self.blocks:
            tokens = block(tokens, shared, rotation, mask)
        planned = self.tokens_out(tokens[:, :count]).transpose(1, 2).unflatten(2, (rows, columns))
        return F.pixel_shuffle(planned, 2)
