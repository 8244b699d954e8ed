"""What the shipped specs elaborate to, line by line. `--update` rewrites the files: read the change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archgraph.graph import graph_text
from archgraph.language.load import load

GOLDEN = Path(__file__).parent / "golden"

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet18": ("resnet18", {}),
    "ddpm_two_levels": ("ddpm", {"channels": [32, 64], "attention": [False, True], "layers": 1}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_text_form_of_shipped_networks(name: str, golden: Callable[[Path, str], None]) -> None:
    spec, parameters = NETWORKS[name]
    golden(GOLDEN / f"{name}.txt", graph_text(load(spec, **parameters)))
