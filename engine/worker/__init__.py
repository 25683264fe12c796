"""One device's process: its tick loop, the lanes it opens, and what becomes of finished pictures."""
