"""Pictures made for Discord, and pictures taken from it."""
