"""Runs due work."""
