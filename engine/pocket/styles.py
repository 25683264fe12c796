"""The styles that the shipped model draws in."""

STYLES = ("3d", "flat", "cartoon")
"""Words for them in prompts, in the order in which drawings are remembered."""
