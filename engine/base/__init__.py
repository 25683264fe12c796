"""Logs, and other libraries' errors in our words."""
