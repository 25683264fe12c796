"""Small random parts that families share: tokenizers, text encoders, autoencoders, and the drawing of weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoencoderKLQwenImage, DiffusionPipeline, HunyuanImagePipeline
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    GlmConfig,
    GlmModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
    UMT5Config,
    UMT5EncoderModel,
)
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

TOKENS = 128
LETTERS = sorted(ByteLevel.alphabet())
PRINTABLE = [chr(code) for code in range(33, 127)]
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@torch.no_grad()
def redraw(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Draw every weight anew, so that no zero-initialised gate hides what a row does to its neighbours."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in module.named_parameters():
        if not weight.is_floating_point():
            continue
        noise = torch.randn(weight.shape, generator=generator)
        if weight.ndim < 2:
            weight.copy_(0.1 * noise + (1.0 if name.endswith(("weight", "conv_y.bias")) else 0.0))
        elif name.endswith(("conv_y.weight", "conv_b.weight")):  # Kandinsky's decoder: a factor in every layer
            weight.copy_(0.01 * noise)
        else:
            weight.copy_(0.7 * noise / weight[0].numel() ** 0.5)
    return module.eval()


def drawn(make: Callable[[], DiffusionPipeline]) -> DiffusionPipeline:
    """A family's pipeline in memory, every weight drawn from a fixed seed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pipeline = make()
    shorten_texts(type(pipeline))
    for seed, part in enumerate(pipeline.components.values()):
        if isinstance(part, torch.nn.Module):
            redraw(part, seed)
    return pipeline


def shorten_texts(pipeline: type) -> None:
    """Let a pipeline pad prompts to `TOKENS` where it pads them to more: most of a tiny forward would be padding."""
    for function in map(inspect.unwrap, (pipeline.__call__, getattr(pipeline, "encode_prompt", pipeline.__call__))):
        parameters = inspect.signature(function).parameters.values()
        whole = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
        given = {each.name: each.default for each in whole if each.default is not each.empty}
        if given.get("max_sequence_length"):
            given["max_sequence_length"] = min(given["max_sequence_length"], TOKENS)
            function.__defaults__ = tuple(given.values())
    if pipeline is HunyuanImagePipeline:  # which says it in its constructor
        pipeline.tokenizer_max_length = property(lambda _: TOKENS, lambda _, padded: None)


# --- tokenizers: one token per character, so that prompts of different lengths stay different ----------


def clip_tokenizer() -> PreTrainedTokenizerBase:
    """CLIP's: 77 tokens, letters with and without the end-of-word mark."""
    words = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    return CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=77)


def t5_tokenizer(model_max_length: int = 512) -> PreTrainedTokenizerBase:
    """T5's: unigrams, an end token, right padding."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in PRINTABLE)]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=model_max_length)


def qwen_tokenizer(typed: bool = False) -> PreTrainedTokenizerBase:
    """Qwen's: byte-level letters, chat marks and a chat template; `typed` for messages that are lists of parts."""
    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *LETTERS]
    tokenizer = Qwen2Tokenizer(
        vocab={word: i for i, word in enumerate(words)},
        merges=[],
        extra_special_tokens=["<|im_start|>", "<|im_end|>"],
        model_max_length=1024,
    )
    tokenizer.chat_template = CHAT.replace("['content'] }", "['content'][0]['text'] }") if typed else CHAT
    return tokenizer


def bert_tokenizer() -> PreTrainedTokenizerBase:
    """BERT's: word pieces, here single letters."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *PRINTABLE, *(f"##{letter}" for letter in PRINTABLE)]
    return BertTokenizer(vocab={word: i for i, word in enumerate(words)}, model_max_length=77)


def gemma_tokenizer() -> PreTrainedTokenizerBase:
    """Gemma's: left padding unless the pipeline says otherwise."""
    words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *PRINTABLE, *(f"<0x{byte:02X}>" for byte in range(256))]
    return GemmaTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=512)


# --- text encoders -----------------------------------------------------------------------------------


def _clip_config(hidden: int, act: str) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=2 + 2 * len(LETTERS),
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_attention_heads=2,
        num_hidden_layers=2,
        projection_dim=hidden,
        hidden_act=act,
    )


def clip_text(hidden: int = 16) -> CLIPTextModel:
    """CLIP's text encoder, (77, hidden)."""
    return CLIPTextModel(_clip_config(hidden, "quick_gelu"))


def clip_text_with_projection(hidden: int = 16) -> CLIPTextModelWithProjection:
    """CLIP's text encoder with the pooled projection."""
    return CLIPTextModelWithProjection(_clip_config(hidden, "gelu"))


def t5(hidden: int = 16) -> T5EncoderModel:
    """T5's encoder."""
    return T5EncoderModel(
        T5Config(
            vocab_size=4 + len(PRINTABLE),
            d_model=hidden,
            d_kv=8,
            d_ff=2 * hidden,
            num_layers=2,
            num_heads=2,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
            use_cache=False,
        )
    )


def umt5(hidden: int = 16) -> UMT5EncoderModel:
    """UMT5's encoder, whose layers each have their own relative positions."""
    sizes = {"d_model": hidden, "d_kv": 8, "d_ff": 2 * hidden, "num_layers": 2, "num_heads": 2}
    return UMT5EncoderModel(UMT5Config(vocab_size=4 + len(PRINTABLE), **sizes))


def bert(hidden: int = 16) -> BertModel:
    """BERT."""
    return BertModel(
        BertConfig(
            vocab_size=5 + 2 * len(PRINTABLE),
            hidden_size=hidden,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=2 * hidden,
        )
    )


def glm(hidden: int = 16) -> GlmModel:
    """GLM 4."""
    sizes = qwen_sizes(hidden) | {"pad_token_id": 0}
    return GlmModel(GlmConfig(**sizes))


def qwen_sizes(hidden: int = 16, layers: int = 2) -> dict[str, Any]:
    """Sizes that the Qwen text models share."""
    return {
        "vocab_size": 3 + len(LETTERS),
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 2048,
    }


def qwen_vl(hidden: int = 16) -> Qwen2_5_VLForConditionalGeneration:
    """Qwen2.5-VL, of which the image pipelines use the text side."""
    rope = {"mrope_section": [1, 1, hidden // 4 - 2], "rope_type": "default", "rope_theta": 1e6}
    text = qwen_sizes(hidden) | {"rope_scaling": rope, "head_dim": hidden // 2}
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": hidden}
    tokens = {"vision_start_token_id": 250, "vision_end_token_id": 251, "vision_token_id": 252, "image_token_id": 253}
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision, **tokens))


def gemma(hidden: int = 16, more_words: int = 0) -> Gemma2Model:
    """Gemma 2, for `gemma_tokenizer` with so many added tokens."""
    return Gemma2Model(
        Gemma2Config(
            vocab_size=6 + len(PRINTABLE) + 256 + more_words,
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            sliding_window=64,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=2,
        )
    )


# --- autoencoders: an eighth of the size, as the real ones -------------------------------------------


def kl_autoencoder(latent_channels: int = 4, **config: Any) -> AutoencoderKL:
    """The autoencoder of most families."""
    return AutoencoderKL(
        in_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 8, 8),
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=2,
        **({"sample_size": 64, "out_channels": 3} | config),
    )


def qwen_autoencoder(z_dim: int = 4) -> AutoencoderKLQwenImage:
    """The autoencoder of Qwen-Image, which sees a picture as a film of one frame."""
    return AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=z_dim,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.1] * z_dim,
        latents_std=[1.5] * z_dim,
    )
