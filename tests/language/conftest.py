"""Lets the tests of this room import `spec_samples`: pytest's importlib mode leaves the path alone."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("spec_samples")
