"""A job's life: accepted, run, stored, delivered."""
