"""Spec → graph: nodes applied one by one, with every shape known at once."""
