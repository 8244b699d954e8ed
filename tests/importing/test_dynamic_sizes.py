"""Which sizes of example tensors stay free, and what an import reports."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archgraph as ag
from archgraph.errors import ImportingError
from archgraph.importing.api import import_module
from archgraph.importing.reports import report

EXAMPLE = {"input": torch.zeros(2, 3, 8, 10)}


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())


@pytest.mark.parametrize(
    ("dynamic", "sizes"),
    [
        (None, "[N, 3, H, W]"),
        ({}, "[2, 3, 8, 10]"),
        ({"input": [0, 3]}, "[N, 3, 8, W]"),
        ({"input": {0: "B", -1: "width"}}, "[B, 3, 8, width]"),
    ],
)
def test_the_free_sizes_are_those_that_are_named(dynamic: dict[str, dict[int, str]] | None, sizes: str) -> None:
    graph = ag.from_torch(network(), EXAMPLE, dynamic=dynamic, verify=False)
    assert str(graph.inputs[0].type) == sizes


@pytest.mark.parametrize(
    ("dynamic", "message"),
    [
        ({"inputs": [0]}, "dynamic names no example tensor: 'inputs'"),
        ({"input": [4]}, "dynamic names a dimension that input does not have"),
        ({"input": {0: "a batch"}}, "dynamic gives a size of input no name"),
    ],
)
def test_what_is_not_there_cannot_be_free(dynamic: dict[str, dict[int, str]], message: str) -> None:
    with pytest.raises(ImportingError, match=message):
        ag.from_torch(network(), EXAMPLE, dynamic=dynamic)


def test_the_report_is_plain_data() -> None:
    found = report(import_module(network(), EXAMPLE, dynamic={"input": [0]}))
    assert found["inputs"] == {"input": "[N, 3, 8, 10]"}
    assert (found["operations"], found["keys"], found["parameters"]) == (2, 2, 112)
    proof = found["proof"]
    assert len(proof["sizes"]) == len(proof["differences"]) == 2
    assert max(*proof["differences"], proof["training"]) == proof["largest_difference"] < 1e-10
