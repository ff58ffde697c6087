"""A local workspace and cluster: working stand-ins for Slack and watsonx, and a page."""
