"""Cards, modals, lists and answers as Block Kit JSON. Pure."""
