"""Families that exist as Modular pipelines only."""

from __future__ import annotations

from diffusers import (
    AnimaAutoBlocks,
    AnimaModularPipeline,
    AnimaTextConditioner,
    CosmosTransformer3DModel,
    FlowMatchEulerDiscreteScheduler,
)
from transformers import Qwen3Config, Qwen3Model

from tests.engine.families import parts


def anima() -> AnimaModularPipeline:
    """Anima: a film transformer drawing one frame, a guider that calls it twice a step."""
    pipeline = AnimaAutoBlocks().init_pipeline()
    pipeline.update_components(
        text_encoder=Qwen3Model(Qwen3Config(**parts.qwen_sizes())),
        tokenizer=parts.qwen_tokenizer(),
        t5_tokenizer=parts.t5_tokenizer(),
        text_conditioner=AnimaTextConditioner(
            source_dim=16,
            target_dim=16,
            model_dim=16,
            num_layers=1,
            num_attention_heads=2,
            target_vocab_size=4 + len(parts.PRINTABLE),
            min_sequence_length=64,
        ),
        transformer=CosmosTransformer3DModel(
            in_channels=4,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=12,
            num_layers=2,
            text_embed_dim=16,
            adaln_lora_dim=8,
            max_size=(4, 32, 32),
            extra_pos_embed_type=None,
            concat_padding_mask=False,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=parts.qwen_autoencoder(),
    )
    return pipeline
