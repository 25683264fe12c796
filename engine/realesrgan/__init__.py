"""Real-ESRGAN (Wang et al. 2021, arXiv 2107.10833): the upscaler for the pictures of all models.

`FILE` is read by `engine.pocket.upscaler.Upscaler`, which is of the same architecture ("Compact"). It was made by
`python -m engine.realesrgan animevideov3`; NOTICE names authors, licence and hashes.
"""

from pathlib import Path

NAME = "realesr-animevideov3"
"""What recipes call it."""
FILE = Path(__file__).with_name("realesr-animevideov3-x4.safetensors")
