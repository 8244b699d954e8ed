"""Expressions in `meta`: evaluated with the parameters at hand, refused at their line, written as values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import archgraph as ag
from archgraph.errors import ArchgraphError, SpecError
from archgraph.language.schema.meta import as_written

HEAD = """\
archgraph: 1
name: net
params: {classes: 3}
presets: {many: {classes: 7}}
inputs: {x: [N, =classes, H, W]}
let: {doubled: =2 * classes}
nodes: {a: relu}
meta:
"""


def net(**meta: Any) -> dict[str, Any]:
    return {
        "archgraph": 1,
        "name": "net",
        "params": {"classes": 3, "timed": False},
        "presets": {"many": {"classes": 7}},
        "inputs": {"x": ["N", "=classes", "H", "W"]},
        "let": {"doubled": "=2 * classes"},
        "nodes": {"a": "relu"},
        "meta": meta,
    }


def test_expressions_are_evaluated_at_every_depth_with_parameters_let_and_preset() -> None:
    spec = net(
        diffusion={"classes": "=classes", "null_label": "=classes", "clip": "=classes > 5"},
        kind="='timed' if timed else 'plain'",
        sizes=["=doubled", {"deep": ["=doubled + 1"]}],
        plain="text",
    )
    found = ag.load(spec).info.meta
    assert found == {
        "diffusion": {"classes": 3, "null_label": 3, "clip": False},
        "kind": "plain",
        "sizes": [6, {"deep": [7]}],
        "plain": "text",
    }
    assert ag.load(spec, "many").info.meta["diffusion"] == {"classes": 7, "null_label": 7, "clip": True}
    assert ag.load(spec, classes=5).info.meta["sizes"] == [10, {"deep": [11]}]


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        ("  diffusion: {classes: =clases}", "9:24", "there is no 'clases'"),
        ("  labels: [a, =1 / 0]", "9:15", "division by zero"),
        ("  size: {H: =H}", "9:13", "cannot hold what is not known yet"),
        ("  note: =(", "9:9", "was never closed"),
        ("  self_contained: =classes == 3", "9:19", "is read before any expression"),
    ],
)
def test_an_expression_that_fails_is_an_error_at_its_place(line: str, place: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + line + "\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        ag.load(path)
    (problem,) = caught.value.problems
    assert str(problem.where) == f"{path}:{place}"
    assert message in str(problem)


def test_faults_in_meta_and_in_nodes_come_together() -> None:
    spec = {**net(size={"H": "=nothing"}), "nodes": {"a": "relus"}}
    with pytest.raises(ArchgraphError) as caught:
        ag.load(spec)
    said = str(caught.value)
    assert "there is no 'nothing'" in said
    assert "there is no operation or block 'relus'" in said


def test_a_slip_is_looked_for_in_the_value() -> None:
    (warning,) = ag.load(net(diffusion={"classes": "=classes - 3"})).warnings
    assert warning.message == "`meta.diffusion.classes` has a wrong value"
    assert warning.received == "0 (a whole number)"


@pytest.mark.parametrize("text", ["=cat", "='x'", '="a" + 1', "plain", "=\\n"])
def test_text_that_begins_like_an_expression_survives_being_written(text: str) -> None:
    written = yaml.safe_load(yaml.safe_dump(as_written({"labels": [text]})))
    assert ag.load(net(**written)).info.meta["labels"] == [text]


def test_an_exported_file_holds_values_and_its_spec_the_expressions(tmp_path: Path) -> None:
    graph = ag.load(net(size={"H": "=doubled", "W": "=doubled"}), classes=4)
    report = ag.to_onnx(graph, tmp_path / "net.onnx", verify=False)
    assert report is not None
    with ag.runtime.Session(tmp_path / "net.onnx", "cpu") as session:
        assert session.meta["size"] == {"H": 8, "W": 8}
    from archgraph.verify.embedded_spec import graph_in

    assert graph_in(tmp_path / "net.onnx", None).info.meta["size"] == {"H": 8, "W": 8}
