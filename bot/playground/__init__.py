"""The real bot in a local browser page, without a Discord account.

SimCord (pinned) plays Discord: it runs the unmodified discord.py client against a simulated server and draws it as a
page. This package is the thin adapter that makes that page a place to play in: live while a job runs, in real time,
with several members, without the test tooling. It is the only part of Darkroom that reaches into SimCord's private
names, each time with the reason.
"""
