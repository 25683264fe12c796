"""Rounds and ballots, in the database."""
