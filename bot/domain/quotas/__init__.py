"""Quotas, cost estimates and prices."""
