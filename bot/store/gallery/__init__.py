"""What the gallery reads, and what the bot writes for it."""
