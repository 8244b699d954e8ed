"""The expression language: what stands behind `=` and between braces."""
