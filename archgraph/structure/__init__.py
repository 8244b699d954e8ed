"""Classes inferred from instances that differ: parameters, expressions and optional parts. Knows no target."""
