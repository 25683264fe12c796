"""LoRA files of a folder, small and with words of their own, as trainers and other programs leave them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

KOHYA = {
    "ss_base_model_version": "sdxl_base_v1-0",
    "ss_output_name": "ink-v3",
    "ss_tag_frequency": json.dumps({"10_inkstyle": {"inkstyle": 20, "solo": 20, "cat": 7}}),
    "ss_dataset_dirs": json.dumps({"10_inkstyle": {"n_repeats": 10, "img_count": 20}}),
}


def lora_file(path: Path, metadata: Mapping[str, str] | None = None, layers: int = 1, kind: str = "lora") -> Path:
    """A whole safetensors file of tiny tensors with the names that kohya writes."""
    header: dict[str, object] = {"__metadata__": dict(metadata or {})}
    for number in range(layers):
        name = f"lora_unet_down_blocks_{number}_attn1_to_q.{kind}_down.weight"
        header[name] = {"dtype": "F16", "shape": [1, 1], "data_offsets": [2 * number, 2 * number + 2]}
    content = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(content)) + content + bytes(2 * layers))
    return path


def civitai_info(path: Path, **fields: object) -> None:
    """A `.civitai.info` beside a LoRA file."""
    said = {
        "id": 67890, "modelId": 12345, "name": "v3", "baseModel": "SDXL 1.0", "trainedWords": ["inkwash", "sumi"],
        "description": "<p>Ink <b>wash</b> &amp; brush.<script>alert(1)</script></p>",
        "model": {"name": "Ink Wash", "type": "LORA"}, **fields,
    }  # fmt: skip
    path.with_suffix(".civitai.info").write_text(json.dumps(said))
