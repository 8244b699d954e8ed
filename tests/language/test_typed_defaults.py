"""Types with defaults, `any`, element types that a parameter gives, `log2`."""

from __future__ import annotations

import math

import pytest
from spec_samples import formula, messages, net, node

TYPED = """
nodes: {m: {op: mine}}
blocks:
  mine:
    params:
      kernel: {type: "int | [int]", default: 3}
      value: {type: any, default: [1, a]}
      fn: {type: node, default: {op: elu, alpha: 0.5}}
    inputs: {y: [N, C, H, W]}
    nodes: {a: {op: conv2d, out_channels: =len(value), kernel_size: =kernel}, b: {op: =fn}}
"""


def test_a_type_with_a_default() -> None:
    graph = net(TYPED)
    assert node(graph, "m.a").op.kernel_size == (3, 3)
    assert (node(graph, "m.a").op.out_channels, node(graph, "m.b").op.alpha) == (2, 0.5)
    graph = net(TYPED.replace("{op: mine}", "{op: mine, kernel: [1, 2], value: [0, 1, 2], fn: relu}"))
    assert node(graph, "m.a").op.kernel_size == (1, 2)
    assert (node(graph, "m.a").op.out_channels, node(graph, "m.b").op.name) == (3, "relu")


def test_a_type_with_a_default_of_the_network() -> None:
    text = "params: {k: {type: int?, default: 2}, fn: {type: node, default: silu}}\nnodes: {a: {op: =fn}}"
    assert formula(net(text)) == "silu(x)"
    assert formula(net(text, fn="relu")) == "relu(x)"
    assert messages(text, k="a") == ["net: the parameter 'k' has a wrong value"]


OPTIONAL = """
params: {mine: relu}
nodes: {a: {op: plain, fn: GIVEN}}
blocks:
  plain:
    params: {fn: {type: "node?", default: silu}}
    inputs: {x: [N, C, H, W]}
    nodes: {before: tanh, b: {op: =fn, when: =fn != null}}
"""


@pytest.mark.parametrize(
    ("given", "found"), [("null", "tanh(x)"), ("=null", "tanh(x)"), ("=mine", "relu(tanh(x))"), ("elu", "elu(tanh(x))")]
)
def test_null_is_given_for_an_optional_node(given: str, found: str) -> None:
    assert formula(net(OPTIONAL.replace("GIVEN", given))) == found


def test_a_preset_gives_null_for_an_optional_node() -> None:
    text = OPTIONAL.replace(", fn: GIVEN", "").replace(
        "plain:\n", "plain:\n    preset: bare\n    presets: {bare: {fn: null}}\n"
    )
    assert formula(net(text)) == "tanh(x)"


def test_null_is_refused_for_a_node_that_must_be_there() -> None:
    assert messages(OPTIONAL.replace("node?", "node").replace("GIVEN", "null")) == ["'fn' takes a node"]


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("{type: int, default: a}", "a value of another type is wanted"),
        ("{type: itn, default: 3}", "'itn' is not a type"),
        ("{default: 3}", "a parameter that is a mapping has a type and a default"),
        ("{type: int, defualt: 3}", "a parameter that is a mapping has a type and a default"),
    ],
)
def test_what_is_no_type_with_a_default(declaration: str, message: str) -> None:
    assert messages(f"params: {{k: {declaration}}}\nnodes: {{a: relu}}") == [message]


def test_any_is_a_text_by_itself() -> None:
    assert net("params: {mode: any}\nnodes: {a: relu}").info.params == {"mode": "any"}


def test_the_element_type_of_an_input_may_be_a_parameter() -> None:
    text = "params: {kind: float16}\ninputs: {x: {shape: [N], dtype: =kind}}\nnodes: {a: relu}"
    assert str(net(text).inputs["x"].type) == "[N] float16"
    assert messages(text, kind="half") == ["'dtype' must be an element type"]


@pytest.mark.parametrize(
    ("number", "value"), [("8", 3), ("1", 0), ("2 ** 40", 40), ("0.5", -1), ("floor(9.9)", math.log2(9))]
)
def test_log2(number: str, value: float) -> None:
    text = f"let: {{b: =log2({number})}}\nnodes: {{a: relu}}\nassert: [b == {value}]"
    assert formula(net(text)) == "relu(x)"


def test_log2_of_what_has_none() -> None:
    assert messages("let: {b: =log2(0)}\nnodes: {a: relu}") == ["log2() takes a number above 0"]


def test_log2_may_be_a_name() -> None:
    """It came later than specs that have it as a parameter."""
    graph = net("params: {log2: 3}\nnodes: {a: {op: conv2d, out_channels: =log2 + log2(8), kernel_size: 1}}")
    assert node(graph, "a").op.out_channels == 6
