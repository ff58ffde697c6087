"""A working stand-in for Slack that enforces its documented limits."""
