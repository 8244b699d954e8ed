"""The text form and the summary, held against what a person reads off the network."""

from __future__ import annotations

import json

import pytest
from graph_samples import BatchNorm, FreeTensor, conv, image_builder, op, residual, tower

from archgraph.dims import parse_dim
from archgraph.graph import Builder, CallSpec, graph_text, summarize
from archgraph.graph.text import quantity

GOLDEN = """\
tower(%0 image: [N, 3, H, W])
  %1 = stem: conv2d(%0, out_channels=8, kernel_size=(3, 3), padding=(1, 1)) → [N, 8, H, W]
       weight [8, 3, 3, 3]
       bias [8]
  %2 = stage: repeat(%0 x = %1) → [N, 8, H, W]
    %1 = 0: block residual(%0 x = %0) → [N, 8, H, W]
      %1 = conv1: conv2d(%0, out_channels=4, kernel_size=(3, 3), padding=(1, 1)) → [N, 4, H, W]
           weight [4, 8, 3, 3]
           bias [4]
      %2 = act: silu(%1) → [N, 4, H, W]
      %3 = conv2: conv2d(%2, out_channels=8, kernel_size=(3, 3), padding=(1, 1)) → [N, 8, H, W]
           weight [8, 4, 3, 3]
           bias [8]
      %4 = add: add(%3, other=%0) → [N, 8, H, W]
      return %4
    return %1
  return features: %2
"""


def test_the_text_form() -> None:
    assert graph_text(tower(copies=1, width=4, stride=1)) == GOLDEN


def test_the_text_form_does_not_depend_on_the_run() -> None:
    assert graph_text(tower()) == graph_text(tower())


def test_the_text_form_shows_all_that_gives_a_graph_its_meaning() -> None:
    builder, image = image_builder(channels=8)
    norm = builder.apply("norm", BatchNorm(), image)
    builder.apply("scale", FreeTensor(size=8))
    first = builder.call("first", residual(builder, norm.output), [norm.output], as_=CallSpec(hidden=True))
    again = builder.call("again", residual(builder, norm.output), [first.output], as_=CallSpec(shares=first))
    text = graph_text(builder.finish({"out": again.output}, order=("norm",)))
    for line in (
        "       num_batches_tracked [] int64 buffer",
        "       itself [8]",
        "  %3 = first: group hidden(%0 x = %1) → [N, 8, H, W]",
        "  %4 = again: group again first(%0 x = %3) → [N, 8, H, W]",
        "  order norm",
    ):
        assert line in text.splitlines()
    assert text.count("conv1") == 1  # what is applied again is written once


def test_ties_are_shown() -> None:
    builder = Builder("tied")
    x = builder.input("x", [2, 4])
    wide = builder.apply("a", op("linear", out_features=4, bias=False), x)
    last = builder.apply("b", op("linear", out_features=4, bias=False), wide.output, ties={"weight": "a.weight"})
    assert "       weight [4, 4] = a.weight" in graph_text(builder.finish(last.output)).splitlines()


TABLE = """\
tower

path                    kind      output          parameters     MACs
---------------------------------------------------------------------
stem                    conv2d    [1, 8, 16, 16]         224   55.3 k
stage                   repeat    [1, 8, 16, 16]       2,336    590 k
  stage.0 … stage.1  × 2  residual  [1, 8, 16, 16]       1,168    295 k
"""


def test_the_summary_as_text() -> None:
    text = summarize(tower(stride=1), {"N": 1, "H": 16, "W": 16}, depth=2, fold=True).text()
    lines = [line.split() for line in text.splitlines()]
    for line in TABLE.splitlines()[2:]:
        assert line.startswith("-") or line.split() in lines
    assert ["parameters", "2,560"] in lines
    assert ["MACs", "645", "k", "(645,120)"] in lines  # 256 places × (3·8·9 + 4·8·8·9)


def test_rows_at_each_depth() -> None:
    assert [row.path for row in summarize(tower(), depth=1).rows] == ["stem", "stage"]
    assert [row.path for row in summarize(tower(), depth=2).rows] == ["stem", "stage", "stage.0", "stage.1"]
    whole = summarize(tower())
    assert [row.depth for row in whole.rows] == [1, 1, 2, 3, 3, 3, 3, 2, 3, 3, 3, 3]
    assert whole.rows[2].composite
    assert not whole.rows[3].composite


def test_hidden_levels_have_no_rows() -> None:
    builder, image = image_builder(channels=8)
    body = builder.call("level", residual(builder, image), [image], as_=CallSpec(hidden=True))
    rows = summarize(builder.finish(body.output)).rows
    assert [(row.path, row.depth) for row in rows] == [
        ("conv1", 1),
        ("level.act", 1),
        ("conv2", 1),
        ("level.add", 1),
    ]


def test_only_equal_neighbours_are_folded() -> None:
    builder, image = image_builder(channels=8)
    value = image
    for i, width in enumerate((8, 8, 4, 8)):
        value = builder.call(f"b{i}", residual(builder, image, width), [value], as_=CallSpec("block")).output
    rows = summarize(builder.finish(value), depth=1, fold=True).rows
    assert [row.label for row in rows] == ["b0 … b1  × 2", "b2", "b3"]


def test_the_summary_as_json() -> None:
    found = json.loads(json.dumps(summarize(tower(), {"H": 8}).to_json()))
    assert found["inputs"] == {"image": {"shape": ["N", 3, 8, "W"], "dtype": "float32"}}
    assert found["totals"]["parameters"] == 2560
    assert found["rows"][0]["outputs"] == [{"shape": ["N", 8, 4, "(W + 1) // 2"], "dtype": "float32"}]
    assert found["sizes"] == {"H": 8}


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1000, "1 k"), (4_089_184_256, "4.09 G"), (25_557_032, "25.6 M"), (10**14, "100 T")],
)
def test_quantities_for_people(count: int, text: str) -> None:
    assert quantity(count) == text
    assert quantity(conv(8).out_channels, "B") == "8 B"


def test_a_long_polynomial_is_cut_to_60_characters_unless_it_is_to_be_whole() -> None:
    text = " + ".join(f"{number}*{name}" for number, name in enumerate(["A1", "B2", "C3", "D4", "E5", "F6", "G7"], 10))
    names = text + " + H888"
    longest, longer = parse_dim(names), parse_dim(names + "8")
    assert len(str(longest)) == 60
    assert quantity(longest) == str(longest)
    assert quantity(longer) == str(longer)[:59] + "…"
    assert quantity(longer, whole=True) == str(longer)


def test_calls_show_their_block_or_what_they_repeat() -> None:
    assert repr(tower().items[1]) == "Call(stage: repeat)"


def test_usual_sizes_are_those_of_one_picture() -> None:
    found = summarize(tower())
    assert found.usual["N"] == 1
    assert summarize(tower(), {"N": 3}).usual["N"] == 3
