"""Rules 13 and 14: what is left out, and inputs that are there on a condition."""

from __future__ import annotations

import pytest
from spec_samples import formula, keys, messages, net, nodes, paths, refusal

TIMED = """
    params: {timed: true}
    inputs: {x: [N, 4], t: {shape: [N, 4], when: =timed}}
    nodes:
      m: {op: mine, timed: =timed, in: {t: t}}
    blocks:
      mine:
        params: {timed: true}
        inputs: {x: [N, C], t: {shape: [N, T], when: =timed}}
        nodes:
          a: relu
          b: {op: add, in: [a, t], when: =timed}
    """


@pytest.mark.parametrize(("on", "expected"), [("true", "relu(silu(x))"), ("false", "relu(x)")])
def test_a_node_that_is_left_out_hands_on_its_main_input(on: str, expected: str) -> None:
    assert formula(nodes(f"a: {{op: silu, when: {on}}}\nb: relu")) == expected


def test_it_hands_on_what_in_names() -> None:
    graph = nodes("a: relu\nb: {op: silu, in: x, when: false}\nc: {op: sub, in: [b, a]}")
    assert formula(graph) == "sub(x, relu(x))"


def test_it_hands_on_its_main_port_of_a_map() -> None:
    graph = nodes("a: relu\nb: {op: sub, in: {other: a, input: x}, when: false}\nc: {op: sub, in: [b, a]}")
    assert formula(graph) == "sub(x, relu(x))"


def test_it_evaluates_only_its_main_input() -> None:
    graph = net(
        "stacks: [s]\n"
        "nodes: {a: {op: relu, push: s}, b: {op: add, in: [prev, s.pop], when: false}, "
        "c: {op: sub, in: [prev, s.pop]}}"
    )
    assert formula(graph) == "sub(relu(x), relu(x))"


def test_it_evaluates_no_arguments() -> None:
    assert formula(nodes("a: {op: conv2d, out_channels: =1 // 0, kernel_size: 1, when: false}\nb: relu")) == "relu(x)"


def test_it_does_not_push() -> None:
    graph = net(
        "stacks: [s]\n"
        "nodes: {a: {op: relu, push: s}, b: {op: silu, push: s, when: false}, "
        "c: {op: sub, in: [prev, s.pop]}}"
    )
    assert formula(graph) == "sub(relu(x), relu(x))"


def test_a_condition_may_ask_for_shapes() -> None:
    text = """
        params: {out: 4}
        nodes: {m: {op: mine, out: =out}}
        blocks:
          mine:
            params: {out: int}
            inputs: {y: [N, C, H, W]}
            nodes: {a: relu, b: {op: conv2d, out_channels: =out, kernel_size: 1, when: =C != out}}
        """
    assert keys(net(text)) == []
    assert keys(net(text, out=5)) == ["m.b.weight", "m.b.bias"]


def test_a_group_that_is_left_out_hands_on_its_input() -> None:
    graph = nodes("a: relu\ng: {in: x, when: false, nodes: {b: silu}}\nc: {op: sub, in: [g, a]}")
    assert formula(graph) == "sub(x, relu(x))"


def test_a_group_whose_nodes_are_all_left_out_hands_on_its_input() -> None:
    graph = nodes("a: relu\ng: {nodes: {b: {op: silu, when: false}}}\nc: silu")
    assert formula(graph) == "silu(relu(x))"
    assert paths(graph) == ["a", "c"]


def test_repeating_nothing_is_leaving_out() -> None:
    assert formula(nodes("a: silu\nb: {op: relu, repeat: 0}\nc: gelu")) == "gelu(silu(x))"
    assert formula(nodes("a: silu\nb: {op: relu, for: {k: []}}\nc: gelu")) == "gelu(silu(x))"


def test_copies_may_be_left_out() -> None:
    graph = nodes("b: {op: conv2d, out_channels: =4 + i, kernel_size: 1, repeat: 3, when: =i != 1}\nc: relu")
    assert formula(graph) == "relu(conv2d:b.2(conv2d:b.0(x)))"


def test_all_copies_left_out() -> None:
    assert formula(nodes("a: silu\nb: {op: relu, repeat: 3, when: =i > 5}\nc: gelu")) == "gelu(silu(x))"


def test_the_last_node_may_be_left_out() -> None:
    assert formula(nodes("a: silu\nb: {op: relu, when: false}")) == "silu(x)"


def test_a_left_out_node_passes_on_several_outputs() -> None:
    graph = nodes("h: {op: chunk, chunks: 2, dim: 1}\nb: {op: relu, when: false}\nc: {op: concat, in: b}")
    assert formula(graph) == "concat(chunk(x), chunk(x)[1])"


# --- rule 14: inputs on a condition ----------------------------------------------------------------------------------


def test_an_input_with_a_condition() -> None:
    assert formula(net(TIMED)) == "add(relu(x), t)"
    assert formula(net(TIMED, timed=False)) == "relu(x)"
    assert [value.name for value in net(TIMED, timed=False).inputs] == ["x"]


def test_an_input_whose_condition_is_true_is_required() -> None:
    text = TIMED.replace(", in: {t: t}", "").replace(", t: {shape: [N, 4], when: =timed}}\n", "}\n", 1)
    assert messages(text) == ["mine needs its input 't'"]


def test_an_input_whose_condition_is_false_is_refused() -> None:
    text = TIMED.replace("timed: =timed, in", "timed: false, in")
    assert messages(text) == ["mine takes no input 't' here"]


def test_an_absent_value_feeds_optional_ports() -> None:
    text = (
        "params: {two: true}\n"
        "inputs: {x: [N, 4], y: {shape: [N, 4], when: =two}}\n"
        "nodes: {a: {op: add, in: [x, y], value: 1.0}}"
    )
    assert messages(text) == ["add takes two inputs, or one input and a 'value'"]
    assert formula(net(text, two=False)) == "add(x)"


def test_an_absent_value_may_not_feed_other_ports() -> None:
    text = (
        "params: {two: false}\n"
        "inputs: {x: [N, 4], y: {shape: [N, 4], when: =two}}\n"
        "nodes: {a: {op: matmul, in: [x, y]}}"
    )
    assert messages(text) == ["'y' is absent here, and matmul needs its input 'other'"]


def test_what_is_left_out_may_read_absent_values() -> None:
    text = (
        "params: {two: false}\n"
        "inputs: {x: [N, 4], y: {shape: [N, 4], when: =two}}\n"
        "nodes: {a: {op: relu, in: x}, b: {op: mul, in: [a, y], when: =two}}"
    )
    assert formula(net(text)) == "relu(x)"
    assert formula(net(text, two=True)) == "mul(relu(x), y)"


def test_an_absent_value_handed_on() -> None:
    text = """
        params: {two: false}
        inputs: {x: [N, 4], y: {shape: [N, 4], when: =two}}
        nodes: {deep: {op: relu, in: y, when: =two}, a: {op: mine, two: =two, in: [x, deep]}}
        blocks:
          mine:
            params: {two: bool}
            inputs: {x: [N, C], y: {shape: [N, C], when: =two}}
            nodes: {b: {op: add, in: [x, y], value: "=null if two else 1.0"}}
        """
    assert formula(net(text)) == "add(x)"
    assert formula(net(text, two=True)) == "add(x, relu(y))"


def test_a_condition_is_true_or_false() -> None:
    assert messages("params: {n: 1}\nnodes: {a: {op: relu, when: =n}}") == ["'when' must be true or false"]


def test_a_left_out_parameter_reads_nothing() -> None:
    text = """
        params: {scaled: true}
        nodes:
          a: relu
          gamma: {op: parameter, shape: [4, 1, 1], when: =scaled}
          scale: {op: mul, in: [a, gamma], when: =scaled}
          act: silu
        """
    assert formula(net(text)) == "silu(mul(relu(x), parameter:gamma()))"
    assert formula(net(text, scaled=False)) == "silu(relu(x))"


def test_a_left_out_parameter_is_absent() -> None:
    text = "nodes: {w: {op: parameter, shape: [4, 1, 1], when: false}, b: {op: mul, in: [x, w]}}"
    assert messages(text) == ["mul takes two inputs, or one input and a 'value'"]
    text = "nodes: {w: {op: parameter, shape: [4, 1, 1], repeat: 0}, b: relu}"
    assert messages(text) == ["'w' is absent here, and relu needs its input 'input'"]


def test_a_left_out_node_may_name_nothing() -> None:
    text = """
        params: {act: str?}
        nodes:
          a: {op: =act, when: =act != null}
          b: {op: =act, in: {input: a}, when: =act != null}
        """
    assert formula(net(text, act="relu")) == "relu(relu(x))"
    assert [value.name for value in net(text).outputs.values()] == ["x"]


def test_else_names_what_is_handed_on() -> None:
    text = """
        params: {deep: true}
        nodes:
          a: relu
          b: {op: silu, in: a}
          c: {op: sigmoid, in: b, when: =deep, else: a}
          w: {op: parameter, shape: [4, 1, 1], when: =deep, else: "halves.{1 - 1}"}
          d: {op: mul, in: [c, w]}
        """.replace("  b:", "  halves: {op: chunk, in: a, chunks: 4, dim: 1}\n          b:")
    assert formula(net(text)) == "mul(sigmoid(silu(relu(x))), parameter:w())"
    assert formula(net(text, deep=False)) == "mul(relu(x), chunk(relu(x)))"


def test_else_of_a_group_and_of_copies_inside() -> None:
    text = """
        params: {n: 2}
        nodes:
          a: relu
          g: {in: a, when: =n > 0, else: x, nodes: {c: {op: silu, repeat: =n}}}
          d: {op: add, in: [a, g]}
        """
    assert formula(net(text)) == "add(relu(x), silu(silu(relu(x))))"
    assert formula(net(text, n=0)) == "add(relu(x), x)"


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("op: relu, else: x", "'else' goes with 'when', of a single node"),
        ("op: relu, else: x, when: true, repeat: 2", "put the copies into a group that has 'when' and 'else'"),
        ("op: relu, else: [x], when: true", "'else' must be text"),
        ("op: relu, else: z, when: false", "there is no value 'z' here"),
        ("op: relu, else: =x, when: false", "'=x' is not the name of a value"),
    ],
)
def test_an_else_that_is_wrong(node: str, said: str) -> None:
    assert said in refusal(f"nodes: {{a: {{{node}}}}}")
