"""Text → plain data that keeps the place of every key and value."""
