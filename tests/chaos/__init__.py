"""Kills and freezes real processes of the product, and counts what must not happen.

``make chaos`` runs ``python -m tests.chaos``; the tests use the same parts for single instants.
Stand-ins of Slack and of the cluster run in this process, ``peftsize serve`` in processes of its own.
"""
