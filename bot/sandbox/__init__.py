"""A workspace and a cluster to play with: working stand-ins of Slack and watsonx, and a page."""
