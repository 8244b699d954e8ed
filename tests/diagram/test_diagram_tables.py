"""What no input reaches stands beside the main way: each table is one box next to what reads it, opened by a path."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from diagram_samples import op
from placed_pictures import placed_picture
from shipped_graphs import shipped

import archgraph as ag
from archgraph.diagram import View
from archgraph.diagram.broadcasts import noted
from archgraph.diagram.default_depth import outline
from archgraph.diagram.dot import Drawing
from archgraph.diagram.outline import Box, Outline
from archgraph.diagram.unet import u_shape
from archgraph.errors import UnknownNameError
from archgraph.graph import Graph, parameter_count, walk
from archgraph.graph.builder import Builder

NETWORKS = ("vit_relpos", "t5_encoder", "eva02", "convit", "levit", "modernbert", "siglip_vision", "nfnet")

ROTATED = {
    "place": {"op": "arange", "end": "=L"},
    "values": {"op": "linear", "in": "x", "out_features": 8},
    "turns": {"op": "parameter", "shape": [8]},
    "angles": {"op": "outer", "in": ["place", "turns"]},
    "scaled": {"op": "mul", "in": ["values", "values"]},
    "sines": {"op": "sin", "in": "angles"},
    "cosines": {"op": "cos", "in": "angles"},
    "turned": {"op": "turn", "in": ["scaled", "sines", "cosines"]},
}
TURN = {
    "inputs": {"x": ["N", "L", "C"], "sines": ["L", "C"], "cosines": ["L", "C"]},
    "nodes": {
        "one": {"op": "mul", "in": ["x", "sines"]},
        "two": {"op": "mul", "in": ["x", "cosines"]},
        "both": {"op": "add", "in": ["one", "two"]},
    },
}


def network(nodes: dict[str, Any], **more: Any) -> Graph:
    return ag.load({"archgraph": 1, "name": "net", "inputs": {"x": ["N", "L", 8]}, "nodes": nodes, **more})


def rotated() -> Graph:
    """Positions turn tokens; the nodes of both stand mixed in the file."""
    return network(ROTATED, blocks={"turn": TURN})


def titled(picture: Outline, title: str) -> Box:
    (box,) = (box for box in picture.boxes if box.caption.title == title)
    return box


def paths(picture: Outline, box: Box) -> set[str]:
    return {picture.network.leaves[index].path for index in box.leaves}


def way(picture: Outline) -> set[Box]:
    return {*Drawing(picture, View(9)).way}


def reached(picture: Outline) -> set[Box]:
    """The boxes that arrows lead to from an input."""
    found = {box for box in picture.boxes if box.port is not None and box.start < 0}
    for edge in sorted(picture.edges, key=lambda edge: edge.tail.start):
        if edge.tail in found:
            found.add(edge.head)
    return found


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("depth", [None, 9])
def test_tables_never_make_the_main_way(name: str, depth: int | None) -> None:
    picture = outline(shipped(name), View(depth))
    beside = {*picture.boxes} - reached(picture)
    assert depth is None or beside
    assert not beside & way(picture)
    held = Counter(index for box in picture.boxes for index in box.leaves)
    assert held == Counter(range(len(list(walk(shipped(name))))))
    assert sum(picture.captions.parameters(box.leaves) for box in picture.boxes) == parameter_count(shipped(name))
    assert all(edge.tail.start < edge.head.start for edge in picture.edges)


def test_what_serves_one_reader_is_one_table() -> None:
    """The sines and cosines of one angle too, whatever stands between them in the file."""
    picture = outline(rotated())
    assert [box.caption.title for box in picture.boxes if picture.is_tabled(box)] == ["sines, cosines"]
    table = titled(picture, "sines, cosines")
    assert paths(picture, table) == {"place", "turns", "angles", "sines", "cosines"}
    assert table.caption.line == "4 operations, no input · L×8"
    assert picture.captions.parameters(table.leaves) == 8


def test_what_different_parts_read_are_different_tables() -> None:
    nodes = {
        "place": {"op": "arange", "end": "=L"},
        "column": {"op": "unsqueeze", "in": "place", "dim": -1},
        "wave": {"op": "sin", "in": "column"},
        "twice": {"op": "add", "in": ["wave", "wave"]},
        "early": {"op": "add", "in": ["x", "twice"]},
        "other": {"op": "cos", "in": "column"},
        "less": {"op": "neg", "in": "other"},
        "second": {"op": "mul", "in": ["early", "less"]},
    }
    picture = outline(network(nodes), View(9))
    tables = [paths(picture, box) for box in picture.boxes if picture.is_tabled(box)]
    assert tables == [{"place", "column"}, {"wave", "twice"}, {"other", "less"}]


def test_a_table_is_opened_by_the_path_of_what_is_in_it() -> None:
    relative = shipped("vit_relpos")
    closed = outline(relative, View(3))
    (table,) = (box for box in closed.boxes if closed.is_tabled(box))
    assert table.caption.line == "27 operations, no input · 6×196×196"
    for path, new in (
        ("blocks.0.attn.index", {"rel_pos.mlp", "rel_pos_rel_coords_log", "rel_pos_relative_position_index_square"}),
        ("blocks.0.attn.rel_pos.mlp", {"fc1, act", "fc2", "rel_pos_rel_coords_log"}),
    ):
        opened = outline(relative, View(3, open=(path,)))
        inside = [box for box in opened.boxes if opened.is_tabled(box)]
        assert new <= {box.caption.title for box in inside}
        assert sorted(index for box in inside for index in box.leaves) == table.leaves
        assert not {*inside} & way(opened)


def test_opening_what_is_around_a_table_leaves_it_folded() -> None:
    opened = outline(shipped("swin"), View(open=("features.1.0",)))
    assert [box.caption.title for box in opened.boxes if opened.is_tabled(box)] == ["bias"]


def test_single_operations_of_other_parts_are_still_refused() -> None:
    for view in (View(open=("values",)), View(fold=("sines",))):
        with pytest.raises(UnknownNameError, match="is a single operation"):
            outline(rotated(), view)


def test_a_network_that_reads_no_input_is_drawn_as_any_other() -> None:
    builder = Builder("waves")
    place = builder.apply("place", op("arange", end=4), []).output
    wave = builder.apply("wave", op("sin"), place).output
    graph = builder.finish({"waves": builder.apply("twice", op("add"), [wave, wave]).output})
    picture = outline(graph, View(9))
    assert not any(map(picture.is_tabled, picture.boxes))
    assert len(way(picture)) == len(picture.boxes)


def test_a_table_stands_to_the_right_of_what_reads_it() -> None:
    view = View(open=("features.1.0",))
    picture = outline(shipped("swin"), view)
    placed = placed_picture(Drawing(picture, view).text())
    (left, low), (right, high) = (placed.place(titled(picture, title).id) for title in ("attend", "bias"))
    assert left < right
    assert low == pytest.approx(high)


def test_tokens_split_in_heads_are_no_u() -> None:
    """Rotary positions cut 257 tokens of 192 channels in heads and pairs, of fewer places, and join these again."""
    picture = outline(shipped("eva02"), View(9))
    assert u_shape(picture, noted(picture)[1]) is None
