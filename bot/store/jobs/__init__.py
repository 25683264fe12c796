"""Jobs, outbox entries, pending answers and cost measurements in the database."""
