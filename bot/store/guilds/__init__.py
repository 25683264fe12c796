"""Server rules, quotas and the audit log in the database."""
