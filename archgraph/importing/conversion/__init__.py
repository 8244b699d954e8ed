"""A flat program as a graph: bodies from module calls, nodes from operations."""
