"""Inputs with `each`: as many values as a parameter says; `_`, a size without a name."""

from __future__ import annotations

import pytest
from spec_samples import formula, messages, net, refusal

from archgraph.graph import graph_text
from archgraph.language.load import load

JOIN = """
blocks:
  join:
    params: {widths: [4, 4]}
    inputs: {parts: {each: =widths, as: c, shape: [N, =c, _, _]}}
    nodes: {all: {op: concat, in: parts, dim: 1}, one: {op: concat, in: [parts.0, "parts[1:]", all], dim: 1}}
"""


def joined(given: str) -> str:
    return "nodes: {a: silu, b: {op: relu, in: a}, c: {op: join, in: " + given + "}, d: {op: add, in: [c, c]}}" + JOIN


@pytest.mark.parametrize("given", ["[a, b]", "{parts: [a, b]}"])
def test_an_input_takes_as_many_values_as_a_parameter_says(given: str) -> None:
    graph = net(joined(given))
    a, b = "silu(x)", "relu(silu(x))"
    assert formula(graph).startswith(f"add(concat({a}, {b}, concat({a}, {b}))")
    assert graph_text(load(graph.info.spec, standalone=True)) == graph_text(graph)


def test_all_parts_of_a_value() -> None:
    graph = net("nodes: {p: {op: chunk, chunks: 2, dim: 2}, c: {op: join, in: {parts: p}}}" + JOIN)
    assert formula(graph) == "concat(chunk(x), chunk(x)[1], concat(chunk(x), chunk(x)[1]))"


def test_the_shape_sees_the_entry() -> None:
    said = refusal(joined("[a, b]").replace("[4, 4]", "[4, 8]"))
    assert "'parts_1'" in said
    assert "dimension 1 must be 8, and is 4" in said


@pytest.mark.parametrize(("given", "count"), [("a", 1), ("[a, b, x]", 3)])
def test_another_number_of_values(given: str, count: int) -> None:
    said = refusal(joined(given))
    assert "join takes 2 values as 'parts'" in said
    assert f"received: {count}" in said


def test_inputs_of_a_network() -> None:
    """Sizes without a name differ from one another; they are named by the input and the dimension."""
    text = "inputs: {f: {each: 2, shape: [N, 4, _, =8 * (i + 1)]}}\n"
    graph = net(text + "nodes: {a: {op: relu, in: f.0}, b: {op: silu, in: f.1}}\noutputs: [a, b]")
    assert [f"{value.name} {value.type}" for value in graph.inputs] == ["f_0 [N, 4, f_0_2, 8]", "f_1 [N, 4, f_1_2, 16]"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{each: =widths, as: c, shape: [N, c]}", "'c' is an entry of 'each', and a bare name in a shape is a symbol"),
        ("{each: =widths, as: k, shape: [N, k2]}", "the name 'k' is taken by a parameter"),
        ("{each: =widths, as: N, shape: [N]}", "'N' is an entry of 'each', and a bare name in a shape is a symbol"),
        ("{each: two, shape: [N]}", "'each' must be a number of times"),
        ("{each: =-1, shape: [N]}", "'each' must give a number of inputs"),
        ("{each: =10 ** 6, shape: [N]}", "'each' must give a number of inputs"),
        ("{as: c, shape: [N]}", "'as' goes with 'each': it names the entry of its list"),
    ],
)
def test_what_is_no_list_of_inputs(given: str, message: str) -> None:
    found = messages(f"params: {{widths: [4], k: 3}}\ninputs: {{f: {given}}}\nnodes: {{a: {{op: relu, in: f.0}}}}")
    assert found[0] == message
