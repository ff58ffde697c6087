"""What a request is, who may decide it, and what a decision changes. Pure."""
