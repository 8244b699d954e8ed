"""What is imported: the module that a source names, and the inputs that it reads."""
