"""The Slack bot: everything round the sizing engine."""
