"""Statements that are alike as copies: repetitions, stages, sections of lists, branches side by side."""
