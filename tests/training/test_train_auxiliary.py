"""Auxiliary classifiers: outputs that there are in training only take part in the loss."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import archgraph as ag
from archgraph.errors import TrainingError
from archgraph.graph.types import Graph
from archgraph.training.classification import Classification
from archgraph.training.recipe import Recipe
from archgraph.training.task import task_of


def classifier(rows: int) -> Graph:
    linear = {"op": "linear", "in": "pool", "out_features": 4}
    nodes = {
        "conv": {"op": "conv2d", "out_channels": 2, "kernel_size": 3},
        "pool": {"op": "mean", "dim": [2, 3]},
        "aux": {**linear, "out_features": rows, "training": "only"},
        "fc": linear,
    }
    inputs, outputs = {"image": ["N", 3, "H", "W"]}, {"logits": "fc", "aux": "aux"}
    meta = {"task": "classification"}
    return ag.load({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes, "outputs": outputs, "meta": meta})


def test_auxiliary_scores_count_three_tenths() -> None:
    main, aux, labels = torch.randn(5, 4), torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    learning: Any = SimpleNamespace(recipe=SimpleNamespace(label_smoothing=0.1), loss=None)

    def loss(answer: Any) -> float:
        return float(Classification.loss_of(learning, lambda _: answer, torch.zeros(5), labels, None))

    each = [float(F.cross_entropy(logits, labels, label_smoothing=0.1)) for logits in (main, aux)]
    assert loss(main) == pytest.approx(each[0])
    assert loss((main, aux)) == pytest.approx(each[0] + 0.3 * each[1])


def test_outputs_of_training_are_scores_of_the_same_classes() -> None:
    recipe = Recipe()
    task_of(classifier(4), recipe)
    with pytest.raises(TrainingError, match="the output 'aux' is there in training only, and gives no scores"):
        task_of(classifier(5), recipe)
