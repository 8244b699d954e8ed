"""The samples of this folder can be imported by its tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from train_samples import classifier, denoiser, photographs, pictures

__all__ = ["classifier", "denoiser", "photographs", "pictures"]
