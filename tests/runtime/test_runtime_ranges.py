"""A session refuses what is the index of no row, as torch does; an older file says nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import archgraph
from archgraph.errors import InputError, ModelFileError
from archgraph.runtime import Session

WORDS = {"op": "embedding", "num_embeddings": 7, "embedding_dim": 2}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    nodes = {"o": {"op": "constant", "value": [0, 4]}, "at": {"op": "add", "in": ["ids", "o"]}, "t": WORDS}
    return exported(tmp_path, {"ids": {"shape": ["N", 2], "dtype": "int64"}}, nodes)


def exported(folder: Path, inputs: dict[str, Any], nodes: dict[str, Any]) -> Path:
    graph = archgraph.load({"archgraph": 1, "name": "n", "inputs": inputs, "nodes": nodes})
    archgraph.to_onnx(graph, folder / "m.onnx", verify=False)
    return folder / "m.onnx"


def altered(path: Path, text: str | None) -> Path:
    """The file with another entry for its ranges, or without one, as files of before have none."""
    model = onnx.load(path)
    kept = [entry for entry in model.metadata_props if entry.key != "archgraph.ranges"]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    if text is not None:
        model.metadata_props.add(key="archgraph.ranges", value=text)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("ids", "place", "expected", "received"),
    [
        ([[0, 0], [-1, 0]], "[1, 0]", "0 to 6", "-1"),
        ([[0, 3], [7, 0]], "[0, 1]", "-4 to 2", "3"),
        ([[6, 2], [7, 2]], "[1, 0]", "0 to 6", "7"),
    ],
)
def test_the_first_index_out_of_range(written: Path, ids: Any, place: str, expected: str, received: str) -> None:
    with Session(written, "cpu") as session, pytest.raises(InputError) as raised:
        session.run(ids=np.array(ids))
    (problem,) = raised.value.problems
    assert problem.message == f"'ids' has a number out of range at {place}"
    assert (problem.expected, problem.received) == (expected, received)


def test_both_ends_are_taken(written: Path) -> None:
    with Session(written, "cpu") as session:
        assert session.run(ids=np.array([[6, 2], [0, -4]]))["output"].shape == (2, 2, 2)


def test_a_bound_that_depends_on_a_size(tmp_path: Path) -> None:
    nodes = {
        "p": {"op": "arange", "end": "=L"},
        "at": {"op": "add", "in": ["start", "p"]},
        "t": WORDS,
        "lin": {"op": "linear", "in": "x", "out_features": 2},
        "y": {"op": "add", "in": ["t", "lin"]},
    }
    path = exported(tmp_path, {"x": ["N", "L", 3], "start": {"shape": ["N", 1], "dtype": "int64"}}, nodes)
    with Session(path, "cpu") as session:
        session.run(x=np.zeros((1, 4, 3), np.float32), start=np.array([[3]]))
        with pytest.raises(InputError, match=r"'start' has a number out of range at \[0, 0\]\n  expected: 0 to 3"):
            session.run(x=np.zeros((1, 4, 3), np.float32), start=np.array([[4]]))
        with pytest.raises(InputError, match="L must be at most 7"):
            session.run(x=np.zeros((1, 8, 3), np.float32), start=np.array([[0]]))


def test_a_file_of_before_opens_and_checks_nothing(written: Path) -> None:
    with Session(altered(written, None), "cpu") as session:
        assert session.inputs[0].range is None
        session.run(ids=np.array([[-1, 0]]))


DAMAGED = (
    "3",
    '{"ids": {}}',
    '{"ids": {"minimum": true, "maximum": 1}}',
    '{"ids": {"minimum": [[0], 1], "maximum": 1}}',
    '{"ids": {"minimum": "N +", "maximum": 1}}',
)


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_range(written: Path, text: str) -> None:
    with pytest.raises(ModelFileError, match=r"'archgraph\.ranges' cannot be read"):
        Session(altered(written, text), "cpu")
