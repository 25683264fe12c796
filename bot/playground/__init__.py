"""The real bot in a local browser page, without a Discord account.

SimCord (pinned version) simulates Discord: it runs the unmodified discord.py client against a simulated server and
renders the server as a page. This package adapts that page: it updates live while a job runs, its clock shows real
time, several members can act, and the test tooling is hidden. Only this package uses private names of SimCord.
"""
