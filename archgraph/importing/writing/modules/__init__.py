"""What every later step knows of modules: their names, which hold others, which are applied again."""
