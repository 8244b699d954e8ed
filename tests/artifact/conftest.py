"""Lets the tests of this room import each other and `export_cases`: pytest's importlib mode leaves the path alone."""

import sys
from pathlib import Path

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "export"):
    sys.path.insert(0, str(folder))
