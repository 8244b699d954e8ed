"""Long pictures come in columns: nothing is lost, and each column stays so short that it is laid out quickly."""

from __future__ import annotations

import re

from diagram_samples import chain, model

from archgraph.diagram import View, layout
from archgraph.diagram.broadcasts import noted
from archgraph.diagram.columns import LONGEST, boxes_by_column, in_columns
from archgraph.diagram.default_depth import outline
from archgraph.diagram.dot import Drawing
from archgraph.diagram.page import placed
from archgraph.diagram.unet import u_shape


def test_every_box_stands_in_one_column_and_none_is_long() -> None:
    picture = outline(chain(300), View(9))
    columns = boxes_by_column(picture, noted(picture)[1])
    assert [box for column in columns for box in column] == list(picture.boxes)
    assert len(columns) > 4
    assert max(map(len, columns)) <= 1.25 * LONGEST


def test_the_flow_leads_from_each_column_to_the_next() -> None:
    picture = outline(chain(100), View(9))
    drawing = Drawing(picture, View(9))
    assert drawing.is_long
    columns = in_columns(picture, drawing)
    assert columns.passing == list(range(len(columns.texts()) - 1))


def test_stages_of_a_resnet_are_columns_of_their_own() -> None:
    picture = outline(model("resnet50"), View(2))
    columns = boxes_by_column(picture, noted(picture)[1])
    assert [next(box.id.split(".")[0] for box in column if box.id[-1] != "e") for column in columns[1:]] == [
        "layer2",
        "layer3",
        "layer4",
    ]


def test_a_long_u_names_both_ends_of_a_skip_that_is_cut() -> None:
    picture = outline(model("attention_unet"), View(3))
    drawing = Drawing(picture, View(3))
    assert drawing.is_long
    columns = boxes_by_column(picture, noted(picture)[1])
    column = {box: at for at, boxes in enumerate(columns) for box in boxes}
    shape = u_shape(picture, noted(picture)[1])
    assert shape is not None
    skips = [edge for edge in shape.crossing if column[edge.head] - column[edge.tail] > 1]
    texts = in_columns(picture, drawing).texts()
    assert len(skips) > 3
    for edge in skips:
        assert f">from {edge.tail.id}<" in texts[column[edge.head]]
        assert f'"\tfrom {edge.tail.id}"' in texts[column[edge.tail]]


def test_columns_are_drawn_side_by_side() -> None:
    text, engine = placed(chain(60), View(9))
    assert engine == "nop2"
    written = layout.picture(text, "svg", engine).decode()
    assert written.count('class="node"') >= 60
    size = re.search(r'width="(\d+)pt" height="(\d+)pt"', written)
    assert size is not None
    assert 0.3 < int(size[1]) / int(size[2]) < 4
    assert len(set(re.findall(r"<title>(layer_\d+)_of_many</title>", written))) == 60
