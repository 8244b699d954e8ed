"""Fixtures of the tests of this room; the path, which pytest's importlib mode leaves alone, for their modules."""

import sys
from pathlib import Path

from tiny_models import classifier, conditional, denoiser, pair, parted, table

__all__ = ["classifier", "conditional", "denoiser", "pair", "parted", "table"]

sys.path.insert(0, str(Path(__file__).parent))
