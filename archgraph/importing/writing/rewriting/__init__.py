"""A translated graph rewritten: steps that are one operation, sequences that nobody called, work that comes twice."""
