"""A module as a flat program of torch, with the sizes that can be free."""
