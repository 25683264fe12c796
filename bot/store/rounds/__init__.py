"""Rounds with their ballots and entries, games, shows and the hall of fame, in the database."""
