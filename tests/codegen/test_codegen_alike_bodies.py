"""Bodies that differ from one read before by numbers alone are not read, and only those."""

from __future__ import annotations

from pathlib import Path

import pytest

import archgraph as ag
from archgraph.codegen import written
from archgraph.codegen.analysis import alike_bodies, arrangement
from archgraph.codegen.analysis.alike_bodies import AlikeBodies
from archgraph.codegen.analysis.body import Body
from archgraph.codegen.analysis.scopes import Scope


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the scopes that are not read."""
    found: list[str] = []
    plain = AlikeBodies.body

    def body(self: AlikeBodies, scope: Scope) -> Body:
        made = plain(self, scope)
        found.extend([scope.path] if made.model is not None else [])
        return made

    monkeypatch.setattr(AlikeBodies, "body", body)
    return found


def test_of_the_units_of_a_network_few_are_read(followed: list[str]) -> None:
    """DPN's widths differ everywhere; ConvNormAct and its kin stand in it in two forms each."""
    graph = ag.load("dpn@dpn92")
    assert "DualPathUnit" in written(graph).text
    units = {path for path in followed if path.startswith("features.conv") and path.count(".") == 1}
    assert len(units) >= 25
    assert len(followed) > 60


def test_bodies_with_containers_and_copies_are_followed(followed: list[str]) -> None:
    """MViT's attention holds a list of three equal modules, Swin's for videos computes its index axis by axis."""
    written(ag.load("mvit@mvit_v2_s"))
    assert len([path for path in followed if path.endswith("attn")]) == 5  # of seven that differ
    followed.clear()
    written(ag.load("swin3d"))
    assert len([path for path in followed if path.endswith(("attn", "mlp"))]) >= 8


LISTS = """
archgraph: 1
name: lists
inputs: {x: [N, 8]}
nodes:
  a: {op: unit, widths: [8, 8]}
  b: {op: unit, widths: [8, 6]}
  c: {op: unit, widths: [4, 4, 4]}
  d: {op: unit, widths: [5, 5]}
  e: {op: unit, widths: [6, 6, 6, 6]}
  f: {op: unit, widths: [7, 7]}
blocks:
  unit:
    params: {widths: [1]}
    inputs: {x: [N, C]}
    nodes:
      side: {for: {w: =widths}, map: true, in: x, nodes: {fc: {op: linear, out_features: =w}}}
      join: {op: concat, in: side, dim: 1}
"""


def test_lists_of_equal_and_of_other_modules(
    tmp_path: Path, followed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal modules of a list may be counted: one whose modules differ follows none whose modules are equal."""
    (tmp_path / "lists.yaml").write_text(LISTS, encoding="utf-8")
    ours = written(ag.load(tmp_path / "lists.yaml")).text
    assert "d" in followed
    module = ag.to_torch(ag.load(tmp_path / "lists.yaml"), device="meta")
    shapes = [tuple(weight.shape) for name, weight in module.named_parameters() if name.startswith(("b", "c", "f"))]
    assert [shape for shape in shapes if len(shape) == 2] == [(8, 16), (6, 16), *[(4, 14)] * 3, *[(7, 24)] * 2]
    monkeypatch.setattr(alike_bodies, "_look", lambda scope: None)
    assert written(ag.load(tmp_path / "lists.yaml")).text == ours


@pytest.mark.parametrize(
    "name",
    ["dpn", "ghostnet", "levit", "googlenet", "controlnet", "swin", "hrnet", "lstm_tagger", "nest", "mvit", "swin3d"],
)
def test_the_text_is_that_of_bodies_all_read(name: str, followed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a size tried there as it was found for another body."""
    ours = written(ag.load(name))
    assert bool(followed) is (name != "lstm_tagger")
    monkeypatch.setattr(alike_bodies, "_look", lambda scope: None)
    monkeypatch.setattr(arrangement, "_expressed", lambda known, column, tried: known.expressed(column))
    fewest = arrangement._fewest
    monkeypatch.setattr(arrangement, "_fewest", lambda columns, taken: fewest(columns, frozenset()))
    followed.clear()
    read = written(ag.load(name))
    assert not followed
    assert ours.text == read.text
    assert (ours.spans, ours.ties) == (read.spans, read.ties)
    assert ours.nodes.places == read.nodes.places
