"""What moderators' commands do."""
