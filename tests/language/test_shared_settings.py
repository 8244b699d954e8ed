"""Blocks that differ only in numbers on which no shape depends are elaborated once, and come out as if each was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from spec_samples import described

import archgraph
from archgraph.errors import ArchgraphError
from archgraph.graph.types import Graph, walk
from archgraph.language.elaboration import blocks
from archgraph.language.elaboration.block_cache import BlockCache

SPEC = """\
archgraph: 1
name: net
params: {{top: 0.3}}
inputs: {{x: [N, 8, H, W]}}
nodes:
  layer: {{op: unit, repeat: 4, p: "={value}"}}
blocks:
  unit:
    params: {{p: 0.0, q: 0.25}}
    inputs: {{x: [N, C, H, W]}}
    nodes:
      branch: {{op: inner, keep: =p, again: =q}}
      {node}
      add: {{op: add, in: [x, {last}]}}
  inner:
    params: {{keep: 0.0, again: 0.0}}
    inputs: {{x: [N, C, H, W]}}
    nodes:
      conv: {{op: conv2d, out_channels: =C, kernel_size: 3, padding: 1}}
      drop:
        nodes:
          often: {{op: dropout, p: =again}}
          depth: {{op: stochastic_depth, p: =keep, mode: batch}}
"""
OF_PLACE = "top * i / 3"
PLAIN = {"value": OF_PLACE, "node": "end: relu", "last": "end"}


def text(**given: str) -> str:
    return SPEC.format(**{**PLAIN, **given})


def loaded(path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool) -> tuple[Graph, int]:
    """The network, and how many units were elaborated for it."""
    units = []
    real = blocks._elaborated

    def noted(inner: Any, parameters: Any, use: Any, app: Any) -> Any:
        units.append(use.block.name)
        return real(inner, parameters, use, app)

    with monkeypatch.context() as patch:
        patch.setattr(blocks, "_elaborated", noted)
        if not shared:
            patch.setattr(BlockCache, "_with_numbers", lambda cache, use, key: None)
        return archgraph.load(path), units.count("unit")


def test_one_body_serves_for_all_probabilities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(text())
    graph, elaborated = loaded(path, monkeypatch, shared=True)
    alone, each = loaded(path, monkeypatch, shared=False)
    assert (elaborated, each) == (1, 4)
    assert [*described(graph)] == [*described(alone)]
    drops = [placed.node.op.p for placed in walk(graph) if placed.node.op.name == "stochastic_depth"]  # type: ignore[attr-defined]
    assert drops == pytest.approx([0.0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("node", "last"),
    [
        ("end: {op: relu, when: =p > 0.05}", "end"),
        ("end: {op: pow, value: =p}", "end"),
        ("end: {op: clamp, max: =p}", "end"),
        ("end: {op: leaky_relu, negative_slope: =p}", "end"),
        ("end: {op: dropout, p: =p / 2}", "end"),
        ("end: {op: group_norm, num_groups: 2, eps: =p + 0.1}", "end"),
        ("p: relu", "p"),
    ],
)
def test_a_number_that_decides_more_is_elaborated_anew(
    node: str, last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(text(node=node, last=last))
    graph, elaborated = loaded(path, monkeypatch, shared=True)
    assert elaborated == 4
    assert [*described(graph)] == [*described(loaded(path, monkeypatch, shared=False)[0])]


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_one_body_serves_for_all_numbers_of_sums_and_products(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(
        text(value="1 + i / 4", node=f"end: {{op: {name}, value: =p}}").replace("op: inner, keep: =p", "op: inner")
    )
    graph, elaborated = loaded(path, monkeypatch, shared=True)
    assert elaborated == 1
    assert [*described(graph)] == [*described(loaded(path, monkeypatch, shared=False)[0])]
    ends = [placed.node.op.value for placed in walk(graph) if placed.node.name == "end"]  # type: ignore[attr-defined]
    assert ends == [1.0, 1.25, 1.5, 1.75]


def test_a_number_that_may_not_fit_is_elaborated_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1e39 fits into no float32, and is refused at the place of the unit that has it."""
    path = tmp_path / "net.yaml"
    spec = text(value="10.0 ** (13 * i)", node="end: {op: mul, value: =p}").replace("op: inner, keep: =p", "op: inner")
    path.write_text(spec)
    errors = []
    for shared in (True, False):
        with pytest.raises(ArchgraphError, match="does not fit into float32") as raised:
            loaded(path, monkeypatch, shared=shared)
        errors.append(str(raised.value))
    assert errors[0] == errors[1]


def test_a_default_that_follows_from_it_is_elaborated_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(text().replace("{p: 0.0, q: 0.25}", '{p: 0.0, q: {type: float, default: "=p / 2"}}'))
    graph, elaborated = loaded(path, monkeypatch, shared=True)
    assert elaborated == 4
    assert [*described(graph)] == [*described(loaded(path, monkeypatch, shared=False)[0])]


def test_what_is_no_probability_is_told_at_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(text(value="0.6 * i"))
    errors = []
    for shared in (True, False):
        with pytest.raises(ArchgraphError, match="a number between 0 and 1") as raised:
            loaded(path, monkeypatch, shared=shared)
        errors.append(str(raised.value))
    assert errors[0] == errors[1]
    assert "received: 1.2" in errors[0]


def test_a_spec_without_places_is_elaborated_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies are made by the places of nodes in the file, which a mapping does not have."""
    unit = {
        "params": {"p": 0.0},
        "inputs": {"x": ["N", "C"]},
        "nodes": {"a": {"op": "dropout", "p": "=p"}, "b": {"op": "stochastic_depth", "p": 0.5}},
    }
    nodes = {"layer": {"op": "unit", "repeat": 3, "p": "=i / 4"}}
    spec = {"archgraph": 1, "name": "n", "inputs": {"x": ["N", 8]}, "nodes": nodes, "blocks": {"unit": unit}}
    drops = [placed.node.op.p for placed in walk(archgraph.load(spec))]  # type: ignore[attr-defined]
    assert drops == [0.0, 0.5, 0.25, 0.5, 0.5, 0.5]
