"""Gated activations and layers for archgraph. Nothing is imported here, so that generated code starts fast."""
