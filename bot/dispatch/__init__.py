"""Who runs due work."""
