"""What the host needs to look after the bot: health, metrics, checks."""
