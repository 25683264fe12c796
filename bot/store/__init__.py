"""Persistence: tables through SQLAlchemy Core on SQLite or PostgreSQL, picture files through obstore. No Discord."""
