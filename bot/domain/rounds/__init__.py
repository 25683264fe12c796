"""Rounds: what a group decides together, from the first press to the announced outcome."""
