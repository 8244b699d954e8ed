"""The spec language: text in, a proved graph out. Nothing here loads a framework."""
