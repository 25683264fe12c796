"""Games with hidden words: `/bluff` and `/telephone`, from the lobby to the table."""
