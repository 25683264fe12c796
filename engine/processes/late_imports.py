"""What a first picture does without, though diffusers and transformers import it: together it takes longer than torch.

They import torch's compiler for decorators; peft for two names that only LoRAs use; sympy and more for models that are
spread over machines; scipy for one function of losses and one distribution of sigmas. And transformers, before it gives
any name, reads the files of all its models for the table of their names.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import packages_distributions, version
from types import SimpleNamespace
from typing import Any, Unpack

from engine.base.late_package import LatePackage

COMPILER, PEFT, SCIPY, TRANSFORMERS = "torch._dynamo", "peft", "scipy", "transformers"
CHECKPOINTS, SHARDS, SHARDING = (f"torch.distributed.{name}" for name in ("checkpoint", "fsdp", "_composable.fsdp"))
PROCESSORS, DOCSTRINGS = "transformers.processing_utils", "transformers.utils.auto_docstring"
SYMBOLS = "torch.fx.experimental.symbolic_shapes"

_HOMES = {
    "BertConfig": "models.bert.configuration_bert",
    "BertModel": "models.bert.modeling_bert",
    "BertTokenizer": "models.bert.tokenization_bert",
    "CLIPConfig": "models.clip.configuration_clip",
    "CLIPTextModel": "models.clip.modeling_clip",
    "CLIPTextModelWithProjection": "models.clip.modeling_clip",
    "CLIPTokenizer": "models.clip.tokenization_clip",
    "CLIPVisionModel": "models.clip.modeling_clip",
    "CLIPVisionModelWithProjection": "models.clip.modeling_clip",
    "FeatureExtractionMixin": "feature_extraction_utils",
    "ImageProcessingMixin": "image_processing_base",
    "PreTrainedModel": "modeling_utils",
    "PreTrainedTokenizer": "tokenization_python",
    "PreTrainedTokenizerBase": "tokenization_utils_base",
    "PreTrainedTokenizerFast": "tokenization_utils_tokenizers",
    "ProcessorMixin": "processing_utils",
}
"""Names of transformers that Stable Diffusion's classes import, and the modules that they are in."""
_LATE_CLASSES = (
    "AutoImageProcessor",
    "CLIPImageProcessor",
    "Dinov2WithRegistersConfig",
    "Dinov2WithRegistersModel",
    "Siglip2VisionConfig",
    "SiglipImageProcessor",
    "SiglipVisionConfig",
    "SiglipVisionModel",
    "ViTMAEConfig",
    "ViTMAEModel",
)
"""Classes that diffusers names, and Stable Diffusion does not use."""


def hold_back() -> None:
    """Let diffusers be imported without them; each comes as soon as something uses it."""
    _hold_back_compiler(LatePackage(COMPILER))
    _hold_back_peft(LatePackage(PEFT))
    _hold_back_scipy(LatePackage(SCIPY))
    _hold_back_symbols(LatePackage(SYMBOLS))
    _hold_back_shards(LatePackage(CHECKPOINTS), LatePackage(SHARDS), LatePackage(SHARDING))
    _hold_back_transformers(LatePackage(TRANSFORMERS))
    _hold_back_processors(LatePackage(PROCESSORS))
    _hold_back_docstrings(LatePackage(DOCSTRINGS))
    importlib.metadata.packages_distributions = _LateTable


def _hold_back_compiler(compiler: LatePackage) -> None:
    def marking(name: str) -> Callable[[Any], Any]:
        """A decorator of the compiler that marks what it returns; the mark is set when the compiler is there."""

        def mark(marked: Any) -> Any:
            if compiler.has_arrived:
                return compiler.real("", name)(marked)
            compiler.afterwards(lambda: compiler.real("", name)(marked))
            return marked

        return mark

    given = {
        "allow_in_graph": marking("allow_in_graph"),
        "assume_constant_result": marking("assume_constant_result"),
        "disable": _leave,  # progress bars and cache hooks: nothing that is ever compiled
        "eval_frame": SimpleNamespace(OptimizedModule=type("OptimizedModule", (), {})),  # nothing is one yet
    }
    # transformers takes one class of this module, which needs nothing of the compiler.
    compiler.stand_in({"": given}, alone=("_trace_wrapped_higher_order_op",))


def _leave(function: Any = None, recursive: bool = True, **_: Any) -> Any:
    """Decorate nothing: with a function, or with options alone."""
    return _leave if function is None else function


def _hold_back_peft(peft: LatePackage) -> None:
    tuners = "tuners.tuners_utils"
    peft.stand_in(
        {
            "": {"PeftModel": type("PeftModel", (), {})},
            "helpers": {"disable_input_dtype_casting": peft.late_function("disable_input_dtype_casting", "helpers")},
            "tuners": {},
            tuners: {"BaseTunerLayer": peft.late_class("BaseTunerLayer", tuners)},
        }
    )


def _hold_back_scipy(scipy: LatePackage) -> None:
    assign = "linear_sum_assignment"
    scipy.stand_in(
        {"": {}, "integrate": {}, "stats": {}, "optimize": {assign: scipy.late_function(assign, "optimize")}}
    )


def _hold_back_symbols(symbols: LatePackage) -> None:
    """Symbolic shapes need sympy, and nothing has any before something compiles."""
    asked = ("guard_or_false", "statically_known_true")

    def expect_true(condition: Any, skip: int = 0) -> Any:
        return condition if isinstance(condition, bool) else symbols.real("", "expect_true")(condition, skip)

    raised = type("GuardOnDataDependentSymNode", (RuntimeError,), {})
    symbols.stand_in(
        {
            "": {name: symbols.late_function(name) for name in asked}
            | {raised.__name__: raised, "expect_true": expect_true}
        }
    )


def _hold_back_shards(checkpoints: LatePackage, shards: LatePackage, sharding: LatePackage) -> None:
    storage = "hf_storage"
    files = ("HuggingFaceStorageReader", "HuggingFaceStorageWriter")
    checkpoints.stand_in({"": {}, storage: {name: checkpoints.late_class(name, storage) for name in files}})
    policies = ("CPUOffloadPolicy", "FullyShardedDataParallel", "MixedPrecisionPolicy")
    shards.stand_in({"": {name: shards.late_class(name) for name in policies}})
    sharding.stand_in({"": {"fully_shard": sharding.late_function("fully_shard")}})


def _hold_back_transformers(transformers: LatePackage) -> None:
    classes = {name: transformers.late_class(name) for name in _LATE_CLASSES}
    given = {"__version__": version(TRANSFORMERS), **classes}
    transformers.stand_in({"": given, "models": {}}, homes=_HOMES)


def _hold_back_processors(processors: LatePackage) -> None:
    mixin = "ProcessorMixin"
    processors.stand_in({"": {"Unpack": Unpack, mixin: processors.late_class(mixin)}})


def _hold_back_docstrings(docstrings: LatePackage) -> None:
    """A decorator that reads the source of every class to write its docstring, for nobody in a worker."""
    classes = ("ClassAttrs", "ClassDocstring", "ImageProcessorArgs", "ModelArgs", "ModelOutputArgs")
    functions = ("auto_class_docstring", "get_args_doc_from_source", "parse_docstring", "set_min_indent")
    given = {name: docstrings.late_class(name) for name in classes}
    given |= {name: docstrings.late_function(name) for name in functions}
    docstrings.stand_in({"": {"auto_docstring": _leave, **given}})


class _LateTable(Mapping[str, list[str]]):
    """Which distribution each importable name is from: diffusers reads all that is installed and asks for nothing."""

    @cached_property
    def _all(self) -> Mapping[str, list[str]]:
        return packages_distributions()

    def __getitem__(self, name: str) -> list[str]:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)
