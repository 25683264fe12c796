"""Text and picture embeddings for the bot, without torch."""
