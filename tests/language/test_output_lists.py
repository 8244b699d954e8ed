"""Outputs of several values: numbered inside, outside, and in the names of a network's own."""

from __future__ import annotations

import pytest
from spec_samples import formula, messages, net, refusal

from archgraph.graph import graph_text
from archgraph.graph.keys import weights
from archgraph.language.load import load

PYRAMID = """
blocks:
  pyramid:
    params: {widths: [4, 8]}
    inputs: {y: [N, C, H, W]}
    nodes:
      stem: {op: conv2d, out_channels: 2, kernel_size: 1}
      heads: {op: conv2d, in: stem, for: {w: =widths}, map: true, out_channels: =w, kernel_size: 1}
      end: {op: relu, in: stem}
    outputs: {down: [stem, heads], mid: end}
"""


def shapes(text: str, **params: object) -> dict[str, str]:
    return {name: str(value.type) for name, value in net(text + PYRAMID, **params).outputs.items()}


def test_a_number_of_outputs_from_a_parameter() -> None:
    text = "params: {w: [4, 8]}\nnodes: {p: {op: pyramid, widths: =w}}\noutputs: {down: [p.down], mid: p.mid}"
    given = {f"down_{at}": f"[N, {width}, H, W]" for at, width in enumerate((2, 4, 8))}
    assert shapes(text) == {**given, "mid": "[N, 2, H, W]"}
    assert list(shapes(text, w=[4])) == ["down_0", "down_1", "mid"]
    assert list(shapes(text, w=[4, 5, 6, 7])) == [*(f"down_{at}" for at in range(5)), "mid"]
    graph = net(text + PYRAMID)
    assert graph_text(load(graph.info.spec, standalone=True)) == graph_text(graph)


@pytest.mark.parametrize(
    ("read", "channels"),
    [('"p.down[0:{1 + 1}]"', 6), ("p.down", 14), ("[p.down.0, p.mid]", 4), ('"p.down[-1:]"', 8)],
)
def test_outputs_are_read_by_number_slice_and_together(read: str, channels: int) -> None:
    text = (
        f"nodes: {{p: pyramid, c: {{op: concat, in: {read}, dim: 1}}}}\noutputs: {{c: c, rest: [p.down], mid: p.mid}}"
    )
    assert shapes(text)["c"] == f"[N, {channels}, H, W]"


def test_values_inside_a_block_under_numbered_names() -> None:
    text = 'nodes: {p: {op: pyramid, outputs: {f: [stem, heads]}}}\noutputs: {f: ["p.f[1:]"]}'
    assert shapes(text) == {"f_0": "[N, 4, H, W]", "f_1": "[N, 8, H, W]"}
    text = "nodes: {p: {op: pyramid, outputs: {f: [heads], e: end}}}\noutputs: {all: [p.f, p.e]}"
    assert list(shapes(text)) == ["all_0", "all_1", "all_2"]


def test_an_input_list_takes_an_output_list() -> None:
    text = "nodes: {p: pyramid, j: {op: join, in: p.down}}\noutputs: {j: j, mid: p.mid}" + PYRAMID
    join = "  join: {inputs: {parts: {each: 3, shape: [N, _, H, W]}}, nodes: {c: {op: concat, in: parts, dim: 1}}}\n"
    assert str(net(text + join).outputs["j"].type) == "[N, 14, H, W]"


def test_a_group_hands_out_several_too() -> None:
    graph = net(
        "nodes: {g: {nodes: {c: {op: chunk, chunks: 2, dim: 1}}, outputs: {y: [c]}}, a: {op: add, in: [g.y.0, g.y.1]}}"
    )
    assert formula(graph) == "add(chunk(x), chunk(x)[1])"


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ("{y: [c], y_1: c.0}", "two outputs are called 'y_1'"),
        ("{y: c}", "a list hands out all of them, numbered: {y: [c]}"),
        ("{y: 'c[0:]'}", "a list hands out all of them, numbered: {y: [c[0:]]}"),
        ("{y: [c, d]}", "there is no value 'd' here"),
        ("{y: []}", "this output has no values"),
        ("{y: [[c]]}", "'y' must be text"),
    ],
)
def test_output_lists_that_are_wrong(outputs: str, said: str) -> None:
    assert said in refusal(f"nodes: {{c: {{op: chunk, chunks: 2, dim: 1}}}}\noutputs: {outputs}")


def test_named_outputs_are_not_numbered() -> None:
    text = "nodes: {p: pyramid}\noutputs: {y: p}" + PYRAMID.replace("down: [stem, heads]", "down: stem")
    assert messages(text)[0] == "'p' has several outputs, and the output 'y' takes one"


def test_a_block_is_applied_again_whose_parts_hand_out_values_inside() -> None:
    """Only what these values need is kept of the part, in both applications."""
    graph = net(
        "inputs: {x: [N, 4]}\n"
        "nodes: {a: {op: outer, in: x}, b: {share: a, in: x}, sum: {op: add, in: [a, b]}}\n"
        "blocks:\n"
        "  outer:\n"
        "    inputs: {x: [N, 4]}\n"
        "    nodes:\n"
        "      part: {op: inner, in: x, outputs: {one: fc, two: clamp}}\n"
        "      add: {op: add, in: [part.one, part.two]}\n"
        "  inner:\n"
        "    inputs: {x: [N, 4]}\n"
        "    nodes:\n"
        "      clamp: {op: clamp, min: 0.25, max: 0.75}\n"
        "      asin: {op: asin, in: clamp}\n"
        "      held: {op: linear, in: asin, out_features: 9}\n"
        "      fc: {op: linear, in: x, out_features: 4}\n"
    )
    assert [weight.key for weight in weights(graph)] == ["a.part.fc.weight", "a.part.fc.bias"]
