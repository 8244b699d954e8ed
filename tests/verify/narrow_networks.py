"""Narrow variants of the shipped specs: all of their operations, at sizes that are proved in a second or two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SPECS = Path(__file__).parents[2] / "specs"
NARROW: dict[str, dict[str, Any]] = {
    "attention_unet": {
        "dim": 8,
        "dim_mults": [1, 2],
        "heads": 2,
        "head_dim": 4,
    },  # it attends at full height and width
    "convnext": {"depths": [1, 1, 2, 1], "channels": [8, 16, 24, 32], "classes": 10},
    "ddpm": {"channels": [8, 16], "attention": [False, True], "layers": 1, "groups": 4},
    "densenet": {"depths": [2, 2, 2, 2], "growth": 8, "init_features": 16, "classes": 10},
    "lstm_tagger": {"vocabulary": 20, "embedding_dim": 6, "hidden_size": 5, "layers": 2, "tags": 3},
    "mamba": {"vocabulary": 20, "dim": 16, "depth": 2, "state_size": 4},
    "mobilenet": {"depths": [1, 1, 1, 1, 1, 1, 1], "classes": 10},
    "resnet": {"depths": [1, 1, 1, 1], "block": "bottleneck", "groups": 2, "base_width": 8, "classes": 10},
    "sd_unet": {
        "channels": [8, 16],
        "depth": [1, 0],
        "heads": [2, 2],
        "layers": 1,
        "groups": 4,
        "context_dim": 24,
        "text_dim": 8,
    },
    "vit": {"image_size": 32, "patch": 8, "dim": 32, "depth": 2, "heads": 2, "classes": 10},
}
