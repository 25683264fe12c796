"""The core: pipelines as lanes, their calls merged into shared forward passes, proved equal."""
