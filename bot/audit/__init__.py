"""The hash-chained audit trail and its anchor outside the database."""
