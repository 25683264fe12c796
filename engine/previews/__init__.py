"""Previews while a picture is drawn: what is sent, when, and whether it may be seen."""
