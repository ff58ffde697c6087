"""The page of the sandbox: a small Slack client in the browser."""
