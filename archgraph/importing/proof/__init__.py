"""The imported network, compared with its module."""
