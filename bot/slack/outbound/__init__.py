"""What we send to Slack: cards, messages, views and look-ups."""
