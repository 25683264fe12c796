"""Decisions, in plain Python: no Discord, no torch, no SQL."""
