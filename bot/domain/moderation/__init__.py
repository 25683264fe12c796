"""Who may do what, and what may be asked and shown."""
