"""What is kept: SQLAlchemy Core on SQLite or PostgreSQL, pictures through obstore. Knows no Discord."""
