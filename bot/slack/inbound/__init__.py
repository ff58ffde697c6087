"""What Slack sends us: verified, decoded and handed to listeners."""
