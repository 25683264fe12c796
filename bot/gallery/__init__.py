"""The gallery: web pages of what was made and may be shown, in a process of its own that only reads the bot's data."""
