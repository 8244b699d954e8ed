"""Standard blocks in the place of modules that compute the same."""
