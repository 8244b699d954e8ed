"""Graph → ONNX program: operations by their rules, calls flattened, sizes computed."""
