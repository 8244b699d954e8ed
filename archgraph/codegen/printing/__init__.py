"""Classes → text of plain PyTorch, as ruff would format it."""
