"""Templates → classes: instances that differ only in numbers or optional parts share one."""
