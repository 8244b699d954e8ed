"""Bodies that differ from one read before by numbers alone are not read, and only those."""

from __future__ import annotations

import pytest

import archgraph as ag
from archgraph.codegen import written
from archgraph.codegen.analysis import alike_bodies
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


@pytest.mark.parametrize(
    "name", ["dpn", "ghostnet", "levit", "googlenet", "controlnet", "swin", "hrnet", "lstm_tagger", "nest"]
)
def test_the_text_is_that_of_bodies_all_read(name: str, followed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ours = written(ag.load(name))
    assert bool(followed) is (name != "lstm_tagger")
    monkeypatch.setattr(alike_bodies, "_look", lambda scope: None)
    followed.clear()
    read = written(ag.load(name))
    assert not followed
    assert ours.text == read.text
    assert (ours.spans, ours.ties) == (read.spans, read.ties)
    assert ours.nodes.places == read.nodes.places
