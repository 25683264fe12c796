"""A Discord of our own on loopback: a real gateway and REST, with faults on demand, and the bot as a real process."""
