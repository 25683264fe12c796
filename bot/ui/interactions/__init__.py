"""Interactions: the first answer to each, and what commands and buttons may use."""
