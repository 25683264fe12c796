"""Text embeddings for the bot, without torch."""
