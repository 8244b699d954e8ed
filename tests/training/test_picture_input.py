"""Pictures that are prepared for another network than the one that reads them are refused before a run begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from train_samples import CLASSIFIER

import archgraph as ag
from archgraph.errors import TrainingError
from archgraph.training import Machine, TrainingRequest, train


def test_the_statistics_of_pictures_have_a_number_for_each_channel(pictures: str, tmp_path: Path) -> None:
    graph = ag.load({**CLASSIFIER, "inputs": {"image": ["N", 3, "H", "W"]}})
    with pytest.raises(TrainingError, match=r"expected: \[N, 1, H, W\](.|\n)*mean: \[0\.5, 0\.5, 0\.5\]"):
        train(graph, TrainingRequest(pictures, {"steps": 1}), tmp_path / "run", Machine("cpu"))
    assert not (tmp_path / "run").exists()
