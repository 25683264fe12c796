"""Kinds of LoRA files, from the names of their tensors: which cannot be used, and why. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Iterable

_USABLE = "only LoRA and DoRA files can be used"
_KINDS = (
    (r"\.lora_mid\.|\.(hada|lokr)_t[12]?$", f"is decomposed further than a LoRA (LyCORIS, Tucker); {_USABLE}"),
    (r"\.hada_w", f"is a LoHa (LyCORIS, Hadamard products); {_USABLE}"),
    (r"\.lokr_w", f"is a LoKr (LyCORIS, Kronecker products); {_USABLE}"),
    (r"\.(oft|boft)_|\.oft_diag", f"is an OFT (a rotation of weights); {_USABLE}"),
    (r"\.[ab][12]\.weight$", f"is a GLoRA; {_USABLE}"),
    (r"\.on_input$|\.ia3_", f"is an (IA)³; {_USABLE}"),
    (r"\.(vera|fourierft|loha|hra|vblora|randlora)_", f"is of another kind than a LoRA; {_USABLE}"),
    (r"^lora_controlnet$", "is a Control LoRA: it wants a control picture with every request"),
    (
        r"\.norm_(added_)?[qk]\.(weight|scale)$|(query|key)_norm\.scale$",
        "holds norm layers in place of the model's own (a Control LoRA); only what adds to a model can be used",
    ),
    (r"\.(diff|diff_b|set_weight|w_norm|b_norm)$", "changes whole weights or biases besides; only LoRAs can be used"),
    (r"^(bundle_emb|emb_params|string_to_param|clip_[lg]$)", "holds words of its own (textual inversion) besides"),
    (r"lora_embedding_[AB]|\.modules_to_save\.", "changes the words' own embeddings; only LoRAs of layers can be used"),
)
"""A pattern of tensor names -> what to say of such a file."""
_NUMBER = re.compile(r"(?<=[._])\d+(?=[._])")
_LORA = re.compile(r"lora", re.IGNORECASE)


def refusal_of(names: Iterable[str]) -> str:
    """Why a file with these tensors cannot be used, as the end of a sentence about it; "" where nothing forbids it."""
    # Hundreds of layers differ only in their numbers: one of each is looked at.
    names = frozenset(_NUMBER.sub("0", "\n".join(names)).splitlines())
    for pattern, why in _KINDS:
        if any(re.search(pattern, name) for name in names):
            return why
    return "" if any(_LORA.search(name) for name in names) else "holds no LoRA"


def has_magnitudes(names: Iterable[str]) -> bool:
    """Is it a DoRA, which stretches the rows of the weights themselves?"""
    return any(
        name.endswith((".dora_scale", ".lora_magnitude_vector", ".lora_magnitude_vector.weight")) for name in names
    )
