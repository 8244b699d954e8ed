"""All blocks of a spec, and networks of one class as the presets of one spec."""
