"""Graph → module scopes → templates: which modules there are, and what each forward does."""
