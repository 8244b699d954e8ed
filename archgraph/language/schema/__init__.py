"""Plain data → spec: which keys the language has, and what each may hold."""
