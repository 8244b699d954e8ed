"""What the numbers of a class are made of: plain data or expressions of other numbers."""
