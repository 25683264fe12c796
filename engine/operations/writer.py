"""Richer prompts by the host's own instruct model."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (transformers leaves most types open)

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.batching.lanes import Lane
from engine.batching.module_proxies import parking_view
from engine.errors import ModelLoadFailed
from engine.operations.tool_model import read_tool

MAX_NEW_TOKENS = 120


@dataclass(frozen=True, slots=True)
class Writer:
    """A causal language model that follows instructions, and its tokenizer with a chat template."""

    name: str
    model: Any
    tokenizer: Any

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> Writer:
        """From a local folder: safetensors only, none of its own code is run. Raises `ModelLoadFailed`."""
        dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
        model, tokenizer = read_tool("writer", folder, device, AutoModelForCausalLM, AutoTokenizer, dtype=dtype)
        if not tokenizer.chat_template:
            raise ModelLoadFailed("writer", f"{folder.name} has no chat template", "choose an instruct model")
        return cls(folder.name, model, tokenizer)

    def answer(self, instruction: str, text: str, lane: Lane) -> str:
        """What the model says to a text, its likeliest words, at most `MAX_NEW_TOKENS` tokens; each pass is parked."""
        said = [{"role": "user", "content": f"{instruction}\n\n{text}"}]  # not every template knows a system's role
        inputs = self.tokenizer.apply_chat_template(
            said, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self.model.device)
        # No dice: the same prompt always gets the same answer. And no cache, which a pass would change.
        plainly = {"do_sample": False, "use_cache": False, "pad_token_id": self.tokenizer.eos_token_id}
        plainly |= {"temperature": None, "top_p": None, "top_k": None}
        parking: Any = parking_view(self.model, lane)
        tokens = parking.generate(**inputs, **plainly, max_new_tokens=MAX_NEW_TOKENS)
        return str(self.tokenizer.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
