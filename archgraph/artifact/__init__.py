"""The metadata of exported files, and how files are written, staged, replaced and recovered, without torch or onnx."""
