"""The verbs take a graph, or anything that `load` makes one of."""

from __future__ import annotations

from pathlib import Path

import pytest

import archgraph as ag
from archgraph.errors import SpecError

NET = "archgraph: 1\nname: net\ninputs: {x: [N, 3]}\nnodes: {fc: {op: linear, out_features: 2}}\n"


def test_verbs_take_a_path(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(NET)
    assert "parameters   8" in ag.summarize(path).text()
    assert list(ag.to_torch(path).state_dict()) == ["fc.weight", "fc.bias"]
    assert "nn.Linear(3, 2)" in ag.code(str(path))
    assert ag.render(path, tmp_path / "net.dot").read_text().startswith("digraph")
    ag.to_onnx(path, tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").is_file()
    assert not ag.diff(path, ag.load(path))


def test_what_is_no_spec_is_refused_in_words() -> None:
    with pytest.raises(SpecError, match=r"this is no spec(.|\n)*received: int"):
        ag.load(3)  # type: ignore[arg-type]
