"""Worker processes: how they are started, and what is said over their pipes."""
