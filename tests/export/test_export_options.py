"""What an export may be asked for: the options of the verb, of the command and of the spec are the same."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archgraph as ag
from archgraph.errors import ShapeError
from archgraph.export import ExportOptions, export
from archgraph.export.options import ExportOptions as Defined
from archgraph.graph.fixed_sizes import fixed

NOT_OFFERED = {"fold", "origin"}
"""For comparisons: files without folded batch norms compute the same, slower. The origin follows from the weights."""


def test_the_verb_offers_each_option_with_the_same_default() -> None:
    offered = inspect.signature(ag.to_onnx).parameters
    assert ExportOptions is Defined
    for option in fields(ExportOptions):
        if option.name not in NOT_OFFERED:
            found, wanted = offered[option.name].default, getattr(ExportOptions(), option.name)
            assert (found or None) == (wanted or None), option.name


def test_sizes_reach_the_file_without_a_proof_too(tmp_path: Path) -> None:
    graph = ag.load({"archgraph": 1, "name": "n", "inputs": {"x": ["N", 4, "L"]}, "nodes": {"r": "relu"}})
    assert export(graph, {}, tmp_path / "m.onnx", ExportOptions(sizes={"N": 2})).sizes == {"N": 2}
    with pytest.raises(ShapeError):
        export(graph, {}, tmp_path / "m.onnx", ExportOptions(sizes={"N": 0}))


@pytest.mark.parametrize(("said", "kept"), [(None, ()), ("near", ("near",)), (["near", "far"], ("near", "far"))])
def test_what_a_spec_keeps_in_float32(tmp_path: Path, said: Any, kept: tuple[str, ...]) -> None:
    nodes = {name: {"op": "linear", "out_features": 4} for name in ("near", "far")}
    meta = {"export": {"float32": said}}
    graph = ag.load({"archgraph": 1, "name": "n", "meta": meta, "inputs": {"x": ["N", 4]}, "nodes": nodes})
    report = export(graph, ag.to_torch(graph), tmp_path / "m.onnx", ExportOptions(dtype="float16"))
    types = {name.rpartition(".")[0]: item.dtype for name, item in report.weight_map.items()}
    low = [name for name in nodes if name not in kept]
    assert [name for name in nodes if any(k.startswith(name) and v == "float16" for k, v in types.items())] == low


def test_sizes_are_whole_numbers_of_any_kind() -> None:
    graph = ag.load({"archgraph": 1, "name": "n", "inputs": {"x": ["N", "D"]}, "nodes": {"r": "relu"}})
    found = fixed(graph, {"N": np.int64(2)})  # type: ignore[dict-item]
    assert type(found.inputs[0].shape[0]) is int
    assert type(found.info.sizes["N"]) is int
    with pytest.raises(ShapeError, match="the size N must be a whole number"):
        fixed(graph, {"N": 2.0})  # type: ignore[dict-item]
