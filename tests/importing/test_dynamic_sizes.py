"""Which sizes of example tensors stay free, and what an import reports."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archgraph as ag
from archgraph.errors import ImportingError
from archgraph.importing.api import import_module
from archgraph.importing.reports import report
from archgraph.importing.sources.input_descriptions import InputDescription
from archgraph.importing.tracing.shape_runs import ShapeRuns

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


class Square(nn.Module):
    """Reads pictures of one size, as a transformer with learned positions does."""

    def __init__(self, side: int = 32):
        super().__init__()
        self.side = side
        self.conv = nn.Conv2d(3, 4, 8, stride=8)

    def forward(self, x):
        if x.shape[2:] != (self.side, self.side):
            raise ValueError(f"pictures are {self.side} × {self.side}")
        return self.conv(x)


class Windows(nn.Module):
    """Reads squares of any size."""

    def forward(self, x):
        if x.shape[2] != x.shape[3]:
            raise ValueError("squares alone")
        return nn.functional.avg_pool2d(x, 8)


def traced_with(module, monkeypatch):
    """The free dimensions of each trace, and the notes."""
    seen = []
    export = torch.export.export

    def noted(*args, dynamic_shapes, **options):
        seen.append(set(dynamic_shapes["x"]))
        return export(*args, dynamic_shapes=dynamic_shapes, **options)

    monkeypatch.setattr(torch.export, "export", noted)
    found = import_module(module, {"x": InputDescription(("N", 3, "H", "W"))})
    return seen, found


def test_sizes_that_a_module_refuses_to_change_are_not_traced_with_others(monkeypatch):
    seen, found = traced_with(Square(), monkeypatch)
    assert seen == [{0}]
    assert str(found.graph.inputs[0].type) == "[N, 3, 32, 32]"
    (note,) = found.notes
    assert "the module refuses H = 64, W = 64: pictures are 32 × 32" in note
    assert "test_dynamic_sizes.py" in note


def test_squares_of_several_sizes_stay_free(monkeypatch):
    seen, found = traced_with(Windows(), monkeypatch)
    assert seen == [{0, 2, 3}]
    shape = found.graph.inputs[0].shape
    assert not isinstance(shape[2], int)
    assert shape[2] == shape[3]


class OnMeta(nn.Module):
    """What only numbers answer: a table in a plain list, and a value that is read."""

    def __init__(self):
        super().__init__()
        self.scale = [torch.tensor([2.0])]
        self.register_buffer("steps", torch.tensor(3))

    def forward(self, x):
        for _ in range(int(self.steps)):
            x = x * 2
        return x


def test_what_shapes_cannot_answer_runs_on_other_tensors():
    runs = ShapeRuns(OnMeta())
    inputs = {"x": torch.ones(2, 3)}
    assert runs.takes(inputs)
    assert runs.module.steps == 3
    assert not runs.module.steps.is_meta


class CutBySizes(nn.Module):
    """Reads a number from a tensor that is made of a size, as DeBERTa does."""

    def forward(self, x):
        half = torch.tensor(x.shape[3] // 2)
        return x[..., :half]


def test_numbers_read_from_tensors_of_sizes_fix_these(monkeypatch):
    seen, found = traced_with(CutBySizes(), monkeypatch)
    assert len(seen) > 1
    assert isinstance(found.graph.inputs[0].shape[3], int)
    assert "return x[..., :half]" in found.notes[0]


class Tall(nn.Module):
    """Refuses all pictures that are tried."""

    def forward(self, x):
        if x.shape[2] != 7 * x.shape[3]:
            raise ValueError("seven times as high as wide")
        return x.relu()


def test_a_module_that_takes_no_inputs_is_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    traces: list[object] = []
    plain = torch.export.export
    monkeypatch.setattr(torch.export, "export", lambda *args, **options: traces.append(1) or plain(*args, **options))
    with pytest.raises(ImportingError, match=r"seven times as high as wide(.|\n)*other sizes are described as numbers"):
        import_module(Tall(), {"x": InputDescription(("N", 3, "H", "W"))})
    assert len(traces) == 1
