"""Computed names after `in`, slices, chains of several values, inputs of some copies, values inside a block."""

from __future__ import annotations

from pathlib import Path

import pytest
from spec_samples import HEAD, formula, keys, messages, net, nodes, paths, refusal

from archgraph.graph import graph_text
from archgraph.language.load import load

PARTS = "parts: {op: chunk, chunks: 4, dim: 1}\n"

# --- computed names --------------------------------------------------------------------------------------------------


def test_copies_side_by_side_read_a_part_each() -> None:
    graph = nodes(PARTS + 'a: {op: relu, in: "parts.{3 - i}", repeat: 4, map: true}\nb: {op: concat, in: a, dim: 1}')
    assert formula(graph) == "concat(relu(chunk(x)[3]), relu(chunk(x)[2]), relu(chunk(x)[1]), relu(chunk(x)))"


def test_copies_of_a_group_read_a_part_each() -> None:
    text = (
        PARTS + 'a: {in: "parts.{i}", repeat: 4, map: true, nodes: {r: relu, s: silu}}\nb: {op: concat, in: a, dim: 1}'
    )
    graph = nodes(text)
    assert formula(graph).count("silu(relu(chunk(x)") == 4
    assert paths(graph)[1:3] == ["a.0.r", "a.0.s"]


def test_a_chain_starts_at_a_computed_part() -> None:
    graph = nodes(
        PARTS + 'a: {op: silu, let: {k: 2}, in: "parts.{k}", repeat: 2}\n' + "b: {op: concat, in: [a, parts], dim: 1}"
    )
    assert formula(graph).startswith("concat(silu(silu(chunk(x)[2]))")


def test_other_ports_of_copies_read_a_part_each() -> None:
    graph = nodes(PARTS + 'a: {op: mul, in: [parts.0, "parts.{i + 1}"], repeat: 3}')
    assert formula(graph) == "mul(mul(mul(chunk(x), chunk(x)[1]), chunk(x)[2]), chunk(x)[3])"


def test_a_copy_may_be_computed() -> None:
    text = 'a: {op: silu, repeat: 3}\nb: {op: add, in: [a, "a.{k}"], let: {k: 1}}'
    assert formula(nodes(text)) == "add(silu(silu(silu(x))), silu(silu(x)))"


def test_outputs_may_be_computed() -> None:
    graph = net("params: {k: 2}\nnodes:\n  parts: {op: chunk, chunks: 4, dim: 1}\noutputs: {y: 'parts.{k}'}")
    assert formula(graph) == "chunk(x)[2]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'parts.{i}'", "there is no 'i' here"),
        ("'parts.{9}'", "'parts' has no output '9'"),
        ("'parts.{1.5}'", "'{1.5}' in a path must be a whole number or text"),
        ("'{x}'", "'{x}' is not the name of a value"),
        ("'part{1}'", "'part{1}' is not the name of a value"),
        ("'parts.{1'", "a brace in the path 'parts.{1' has no partner"),
        ("'parts[1]'", "'parts[1]' is not the name of a value"),
        ("'parts[9:]'", "'parts[9:]' holds no value"),
        ("'x[0:1]'", "'x[0:1]' holds no value"),
        ("'none[0:1]'", "there is no value 'none' here"),
    ],
)
def test_what_is_no_reference(text: str, message: str) -> None:
    (found,) = messages(
        "nodes:\n  parts: {op: chunk, chunks: 4, dim: 1}\n"
        f"  a: {{op: relu, in: {text}}}\n  b: {{op: concat, in: [parts, a], dim: 1}}"
    )
    assert message in found


# --- slices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("parts[1:3]", [1, 2]),
        ("parts[:2]", [0, 1]),
        ("parts[-1:]", [3]),
        ("parts[{k}:{k + 2}]", [1, 2]),
        ("parts[:-1]", [0, 1, 2]),
    ],
)
def test_a_slice_of_outputs(text: str, read: list[int]) -> None:
    graph = net(
        "params: {k: 1}\nnodes:\n  parts: {op: chunk, chunks: 4, dim: 1}\n"
        f"  a: {{op: concat, in: ['{text}', x], dim: 1}}"
    )
    parts = [f"chunk(x)[{at}]" if at else "chunk(x)" for at in read]
    assert formula(graph) == f"concat({', '.join(parts)}, x)"


def test_a_slice_of_copies() -> None:
    graph = nodes(
        "a: {op: silu, repeat: 3}\nb: {op: concat, in: ['a[:2]'], dim: 1}\n"
        "c: {op: add, in: [a, x]}\nd: {op: concat, in: [b, c], dim: 1}"
    )
    assert formula(graph).startswith("concat(concat(silu(x), silu(silu(x))), add(silu(silu(silu(x))), x))")


# --- chains of several values ----------------------------------------------------------------------------------------

JOINT = """
blocks:
  joint:
    params: {final: false}
    inputs: {x: [N, C, H, W], context: [N, D, H, W], emb: [N, E, H, W]}
    nodes:
      a: {op: mul, in: [x, context]}
      b: {op: add, in: [context, emb]}
    outputs: {x: a, context: b}
"""


def test_values_chain_together() -> None:
    graph = net(
        "nodes:\n  j: {op: joint, repeat: 2, chain: [x, context], in: {x: x, context: x, emb: x}}\n"
        "  y: {op: sub, in: [j.x, j.context]}" + JOINT
    )
    assert formula(graph) == "sub(mul(mul(x, x), add(x, x)), add(add(x, x), x))"


@pytest.mark.parametrize("handed", ["[one, two]", "both"])
def test_the_values_of_an_input_with_each_chain_together(handed: str) -> None:
    text = f"""
nodes:
  one: {{op: sigmoid, in: x}}
  two: {{op: silu, in: x}}
  both: {{nodes: {{a: {{op: relu, in: one}}, b: {{op: relu, in: two}}}}, outputs: {{v: [a, b]}}}}
  j: {{op: pair, repeat: 2, chain: [v], in: {{v: {handed}}}}}
  y: {{op: sub, in: [j.v.0, j.v.1]}}
blocks:
  pair:
    inputs: {{v: {{each: 2, shape: [N, C, H, W]}}}}
    nodes:
      a: {{op: mul, in: [v.0, v.1]}}
      b: {{op: add, in: [v.0, v.1]}}
    outputs: {{v: [a, b]}}
"""
    pair = "sigmoid(x), silu(x)" if handed == "[one, two]" else "relu(sigmoid(x)), relu(silu(x))"
    pair = f"mul({pair}), add({pair})"
    assert formula(net(text)) == f"sub(mul({pair}), add({pair}))"


def test_the_main_port_chains_only_where_it_is_named() -> None:
    graph = net(
        "nodes:\n  j: {op: joint, repeat: 2, chain: [context], in: {x: x, context: x, emb: x}}\n"
        "  y: {op: sub, in: [j.x, j.context]}" + JOINT
    )
    assert formula(graph) == "sub(mul(x, add(x, x)), add(add(x, x), x))"


def test_what_only_later_copies_take_comes_from_the_copy_before() -> None:
    """As a transformer's layers share a bias that the first one makes."""
    text = """
nodes:
  j: {op: layer, repeat: 3, chain: [x, bias], makes: =first}
  y: {op: add, in: [j.x, j.bias]}
blocks:
  layer:
    params: {makes: bool}
    inputs: {x: [N, C, H, W], bias: {shape: [N, C, H, W], when: =not makes}}
    nodes:
      bias_of_all: {in: bias, when: =makes, nodes: {own: {op: sigmoid, in: x}}}
      a: {op: mul, in: [x, bias_of_all]}
    outputs: {x: a, bias: bias_of_all}
"""
    assert formula(net(text)) == "add(mul(mul(mul(x, sigmoid(x)), sigmoid(x)), sigmoid(x)), sigmoid(x))"
    assert "layer needs its input 'bias'" in refusal(text.replace("=first}", "=i == 1}"))


def test_a_chain_with_parts_of_each_copy() -> None:
    graph = net(
        "nodes:\n  parts: {op: chunk, chunks: 2, dim: 1}\n"
        '  j: {op: joint, repeat: 2, chain: [x, context], in: {x: parts.0, context: parts.1, emb: "parts.{i}"}}\n'
        "  y: {op: sub, in: [j.x, j.context]}" + JOINT
    )
    assert formula(graph).endswith("add(add(chunk(x)[1], chunk(x)), chunk(x)[1]))")


@pytest.mark.parametrize(
    ("keys_of_node", "message"),
    [
        ("repeat: 2, chain: [x, y]", "joint has no input 'y'"),
        ("repeat: 2, chain: [emb]", "'j.0' has no output 'emb'"),
        ("chain: [x]", "'chain' goes with 'repeat' or 'for'"),
        ("repeat: 2, map: true, chain: [x]", "a node has 'chain' or 'map'"),
    ],
)
def test_what_cannot_chain(keys_of_node: str, message: str) -> None:
    text = f"nodes:\n  j: {{op: joint, {keys_of_node}, in: {{x: x, context: x, emb: x}}}}\noutputs: {{y: j.x}}" + JOINT
    assert message in refusal(text)


# --- inputs that some copies take ------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", ["", ", when: =attend"])
def test_an_input_that_one_copy_does_not_need(condition: str) -> None:
    """The copy's own condition leaves out the node that reads it, or the input itself."""
    graph = net(
        f"""
        inputs: {{x: [N, C], c: [N, C]}}
        nodes: {{layer: {{op: unit, for: {{a: [true, false]}}, in: {{c: c}}, attend: =a}}}}
        blocks:
          unit:
            params: {{attend: bool}}
            inputs: {{x: [N, C], c: {{shape: [N, D]{condition}}}}}
            nodes: {{s: silu, m: {{op: mul, in: [s, c], when: =attend}}}}
        """
    )
    assert formula(graph) == "silu(mul(silu(x), c))"


def test_an_input_that_nobody_names_is_refused() -> None:
    unit = "blocks: {unit: {inputs: {y: [N, C, H, W], c: [N, C, H, W]}, nodes: {a: relu}}}"
    assert messages("nodes: {m: {op: unit, in: {c: x}}}\n" + unit) == ["nobody reads the input 'c'"]


# --- values inside a block -------------------------------------------------------------------------------------------

TOWER = """
blocks:
  tower:
    inputs: {y: [N, C, H, W]}
    nodes:
      a: {CONV}
      b: {CONV, repeat: 2}
      c: {CONV}
      d: {CONV}
    outputs: {logits: d}
"""


def test_values_inside_a_block_are_outputs() -> None:
    """What they do not need is not there: neither its weights nor its work."""
    graph = net("nodes:\n  t: {op: tower, outputs: {low: a, high: b.0}}\n  s: {op: add, in: [t.low, t.high]}" + TOWER)
    assert formula(graph) == "add(conv2d:t.a(x), conv2d:t.b.0(conv2d:t.a(x)))"
    assert keys(graph) == ["t.a.weight", "t.b.0.weight"]
    assert graph_text(load(graph.info.spec, standalone=True)) == graph_text(graph)


def test_values_inside_a_block_by_a_list() -> None:
    graph = net("nodes:\n  t: {op: tower, outputs: [a, c]}\n  s: {op: add, in: [t.a, t.c]}" + TOWER)
    assert keys(graph) == ["t.a.weight", "t.b.0.weight", "t.b.1.weight", "t.c.weight"]


def test_a_value_that_a_block_does_not_have() -> None:
    assert "tower has no node 'e' to hand out" in refusal("nodes: {t: {op: tower, outputs: [e]}}" + TOWER)
    assert "relu is an operation: no values inside it" in refusal("nodes: {t: {op: relu, outputs: [e]}}")


def test_features_of_a_shipped_network(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(
        HEAD + "inputs: {x: [N, 3, 64, 96]}\nuse: {r18: resnet@resnet18}\n"
        "nodes: {body: {op: r18, outputs: {c4: layer3, c5: layer4}}}\noutputs: {c4: body.c4, c5: body.c5}\n"
    )
    graph = load(path)
    assert [str(value.type) for value in graph.outputs.values()] == ["[N, 256, 4, 6]", "[N, 512, 2, 3]"]
    assert keys(graph) == [f"body.{key}" for key in keys(load("resnet18")) if not key.startswith("fc")]
