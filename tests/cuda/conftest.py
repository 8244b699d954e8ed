"""Lets the tests of this room import their own files, and those of the room of exports."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "export")]
