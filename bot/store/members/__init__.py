"""Members' settings, export and deletion of their data, retention, statistics."""
