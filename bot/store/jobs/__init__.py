"""Jobs, their deliveries and what they taught, in the database."""
