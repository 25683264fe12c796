"""Moderation: permissions, prompt rules, picture policy, and the services of moderators' commands."""
