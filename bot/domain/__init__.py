"""Domain logic in plain Python: every decision of the bot, without Discord, torch and SQL."""
