"""A written spec, plain data, made shorter to read."""
