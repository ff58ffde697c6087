"""From a request to a decision: ask, rule, decide, write, notify."""
