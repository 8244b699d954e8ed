"""What an exported file says of itself, and how files are written and replaced: without the compiler, torch or onnx."""
