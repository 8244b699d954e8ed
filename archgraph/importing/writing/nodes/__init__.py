"""Statements as the nodes of a spec: lines, names, groups, what each reads."""
