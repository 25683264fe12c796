"""The environment a worker process is given: what torch needs to be fast, and nothing secret."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.settings import EngineSettings


_WANTED = re.compile(
    r"(PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|LD_PRELOAD"
    r"|(LC|XDG|CUDA|NVIDIA|NCCL|HIP|HSA|ROCR|MIOPEN|OMP|GOMP|KMP|MKL|OPENBLAS|MALLOC|PYTORCH|TORCH|TORCHINDUCTOR|TRITON"
    r"|HF|HUGGINGFACE|TRANSFORMERS|DIFFUSERS|TQDM|COVERAGE)_.*)"
)
_SETTING = frozenset({"DIFFUSERS_ATTN_BACKEND"})
"""What `attention` in the settings says instead: there a kernel is compared with torch's own before it is used."""
_SECRET = re.compile(r"TOKEN(?!IZERS)|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY")

ON_CPU = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
    "OPENBLAS_NUM_THREADS": "1",  # numpy's idle threads: a process with one thread can be forked
}
"""glibc gives every large tensor back to the kernel and faults it in again; libgomp's spinning threads fight with any
other busy process. Together they more than doubled the time of a CPU step when measured."""

_QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TQDM_DISABLE": "1",  # the terminal belongs to the parent, which has a progress bar of its own
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
}


def worker_environment(
    settings: EngineSettings, device: str, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The variables for the worker of `device`; what the host set on purpose wins, secrets never go along."""
    chosen = unset_environment(device, environ)
    if settings.threads:
        chosen["OMP_NUM_THREADS"] = str(settings.threads)
    if settings.offline:
        chosen |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    return chosen


def unset_environment(device: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The same where the settings say nothing of it."""
    chosen = _QUIET | ON_CPU if device.startswith("cpu") else _QUIET
    return {
        **chosen,
        **{name: value for name, value in environ.items() if _may_pass(name)},
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        "PYTHONUNBUFFERED": "1",
    }


def _may_pass(name: str) -> bool:
    is_wanted = _WANTED.fullmatch(name) is not None and name not in _SETTING
    return is_wanted and _SECRET.search(name.upper()) is None
