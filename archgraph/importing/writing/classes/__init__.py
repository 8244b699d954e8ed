"""Instances of one class of modules as one block: its template, its parameters, its parts that some lack."""
