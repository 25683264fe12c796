"""Servers' rules, quotas and moderators' log, in the database."""
