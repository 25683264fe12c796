"""What a first picture does without: torch's compiler and peft, which cost as much time as importing torch itself.

diffusers and transformers import torch's compiler for decorators, and peft for two names that only LoRAs use.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from engine.base.late_package import LatePackage

COMPILER, PEFT = "torch._dynamo", "peft"


def hold_back() -> None:
    """Let diffusers be imported without them; they come as soon as something compiles, or a LoRA is used."""
    _hold_back_compiler(LatePackage(COMPILER))
    _hold_back_peft(LatePackage(PEFT))


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
    class Layer(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return peft.has_arrived and isinstance(instance, peft.real("tuners.tuners_utils", "BaseTunerLayer"))

    def disable_input_dtype_casting(*arguments: Any, **options: Any) -> Any:
        return peft.real("helpers", "disable_input_dtype_casting")(*arguments, **options)

    peft.stand_in(
        {
            "": {"PeftModel": type("PeftModel", (), {})},
            "helpers": {"disable_input_dtype_casting": disable_input_dtype_casting},
            "tuners": {},
            "tuners.tuners_utils": {"BaseTunerLayer": Layer("BaseTunerLayer", (), {})},
        }
    )
