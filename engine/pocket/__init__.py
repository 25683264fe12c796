"""`pocket`: the small text-to-image model that lives inside the repository, and everything that made it.

`WEIGHTS` is an ordinary diffusers folder: `StableDiffusionPipeline.from_pretrained(WEIGHTS)` and the
image-to-image and inpaint classes load it unmodified. Importing this module imports no torch; the
classes that `model_index.json` names appear on first use.
"""

from importlib import import_module
from pathlib import Path

WEIGHTS = Path(__file__).with_name("weights")
"""The folder to hand to `from_pretrained`."""

_CLASSES = {
    "PocketDenoiser": "engine.pocket.denoiser",
    "PixelCodec": "engine.pocket.codec",
    "PocketTextEncoder": "engine.pocket.text_encoder",
    "RememberingTextEncoder": "engine.pocket.text_encoder",
    # diffusers looks for the base classes in the module that `model_index.json` names.
    "ModelMixin": "diffusers",
    "PreTrainedModel": "transformers",
}


def __getattr__(name: str) -> object:
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_CLASSES[name]), name)
