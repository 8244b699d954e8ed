"""Rules 8 to 12: what a node reads, who may read a value, what a body hands on."""

from __future__ import annotations

import pytest
from spec_samples import formula, keys, messages, net, node, nodes, paths

CONV = "{op: conv2d, out_channels: 4, kernel_size: 1}"


# --- rule 9 and 10: order, and what is read -------------------------------------------------------------------------


def test_a_node_reads_the_one_before_it() -> None:
    graph = nodes("a: relu\nb: silu\nc: {op: gelu}")
    assert formula(graph) == "gelu(silu(relu(x)))"
    assert paths(graph) == ["a", "b", "c"]


def test_the_first_node_reads_the_first_input() -> None:
    graph = net("inputs: {x: [N, C], y: [N, C]}\nnodes: {a: relu, b: {op: add, in: [a, y]}}".replace("C", "3"))
    assert formula(graph) == "add(relu(x), y)"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("in: x", "relu(x)"),
        ("in: [x]", "relu(x)"),
        ("in: {input: x}", "relu(x)"),
        ("in: prev", "relu(silu(x))"),
    ],
)
def test_in_gives_a_name_a_list_or_a_map(given: str, expected: str) -> None:
    assert formula(nodes(f"a: silu\nb: {{op: relu, {given}}}")) == expected


def test_a_list_fills_ports_in_order() -> None:
    graph = nodes("a: relu\nb: {op: silu, in: x}\nc: {op: sub, in: [b, a]}")
    assert formula(graph) == "sub(silu(x), relu(x))"


def test_a_map_leaves_the_main_port_to_the_default() -> None:
    graph = nodes("a: relu\nb: {op: silu, in: x}\nc: {op: sub, in: {other: a}}")
    assert formula(graph) == "sub(silu(x), relu(x))"


def test_a_map_may_turn_the_ports_around() -> None:
    graph = nodes("a: relu\nb: {op: silu, in: x}\nc: {op: sub, in: {other: b, input: a}}")
    assert formula(graph) == "sub(relu(x), silu(x))"


def test_prev_in_a_list() -> None:
    graph = nodes("a: relu\nb: {op: silu, in: x}\nc: {op: sub, in: [a, prev]}")
    assert formula(graph) == "sub(relu(x), silu(x))"


def test_a_block_is_wired_by_its_inputs_names() -> None:
    graph = net(
        """
        nodes:
          a: relu
          b: {op: silu, in: x}
          c: {op: mine, in: {right: a}}
        blocks:
          mine:
            inputs: {left: [N, C, H, W], right: [N, C, H, W]}
            nodes: {out: {op: sub, in: [left, right]}}
        """
    )
    assert formula(graph) == "sub(silu(x), relu(x))"


def test_a_single_value_at_a_variadic_port() -> None:
    assert formula(nodes("a: relu\nb: {op: concat, dim: 1}")) == "concat(relu(x))"


def test_several_outputs_into_a_variadic_port() -> None:
    graph = nodes("halves: {op: chunk, chunks: 2, dim: 1}\nback: {op: concat, in: halves}")
    assert formula(graph) == "concat(chunk(x), chunk(x)[1])"
    assert list(node(graph, "back").inputs) == ["tensors.0", "tensors.1"]


def test_several_outputs_among_others_at_a_variadic_port() -> None:
    graph = nodes(
        """
        halves: {op: chunk, chunks: 2, dim: 1}
        wide: {op: conv2d, in: x, out_channels: 3, kernel_size: 1}
        back: {op: concat, in: [wide, halves, wide]}
        """
    )
    assert formula(graph) == "concat(conv2d:wide(x), chunk(x), chunk(x)[1], conv2d:wide(x))"
    assert node(graph, "back").output.shape[1] == 3 + 4 + 3


def test_a_variadic_port_in_a_map() -> None:
    graph = nodes("a: relu\nb: {op: silu, in: x}\nc: {op: concat, in: {tensors: [b, a]}}")
    assert formula(graph) == "concat(silu(x), relu(x))"


def test_one_port_of_several_outputs() -> None:
    graph = nodes("h: {op: chunk, chunks: 2, dim: 1}\na: {op: sub, in: [h.1, h.0]}")
    assert formula(graph) == "sub(chunk(x)[1], chunk(x))"


def test_an_operation_without_ports_reads_nothing() -> None:
    graph = nodes("bias: {op: parameter, shape: [4, 1, 1]}\nshift: {op: add, in: [x, bias]}")
    assert formula(graph) == "add(x, parameter:bias())"
    assert keys(graph) == ["bias"]


# --- rule 8: scopes --------------------------------------------------------------------------------------------------


def test_a_group_sees_the_names_around_it() -> None:
    graph = nodes("a: relu\nb: {op: silu, in: x}\ng: {in: b, nodes: {c: {op: sub, in: [prev, a]}}}")
    assert formula(graph) == "sub(silu(x), relu(x))"


def test_names_of_a_group_are_not_seen_outside() -> None:
    assert messages("nodes: {g: {nodes: {a: relu}}, b: {op: silu, in: a}}") == [
        "'a' stands inside 'g', and is not seen from here"
    ]


def test_a_block_sees_its_inputs_only() -> None:
    text = """
        nodes: {a: relu, b: {op: mine, in: x}}
        outputs: [a, b]
        blocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {c: {op: add, in: [y, a]}}}}
        """
    assert messages(text) == ["there is no value 'a' here"]


def test_a_block_sees_its_parameters_only() -> None:
    text = """
        params: {width: 8}
        nodes: {a: mine}
        blocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {c: {op: conv2d, out_channels: =width, kernel_size: 1}}}}
        """
    assert messages(text) == ["there is no 'width' here"]


# --- rule 11: one reader by default, or all by name ------------------------------------------------------------------


def test_a_value_with_two_readers_must_be_named_by_each() -> None:
    assert messages("nodes: {a: relu, b: silu, c: {op: add, in: [b, a]}}") == [
        "this node reads 'a' only because it stands before it, but 'c' reads 'a' too"
    ]


def test_two_readers_that_name_it() -> None:
    assert formula(nodes("a: relu\nb: {op: silu, in: a}\nc: {op: add, in: [b, a]}")) == "add(silu(relu(x)), relu(x))"


def test_prev_names_nothing() -> None:
    assert len(messages("nodes: {a: relu, b: {op: silu, in: prev}, c: {op: add, in: [b, a]}}")) == 1


def test_inputs_are_exempt() -> None:
    assert formula(nodes("a: relu\nb: {op: add, in: [a, x]}")) == "add(relu(x), x)"


def test_outputs_are_exempt() -> None:
    graph = net("nodes: {a: relu, b: silu}\noutputs: {first: a, second: b}")
    assert (formula(graph, "first"), formula(graph, "second")) == ("relu(x)", "silu(relu(x))")


def test_a_group_that_reads_by_default_counts_as_one_reader() -> None:
    assert len(messages("nodes: {a: relu, g: {nodes: {b: silu}}, c: {op: add, in: [g, a]}}")) == 1
    graph = nodes("a: relu\ng: {in: a, nodes: {b: silu}}\nc: {op: add, in: [g, a]}")
    assert formula(graph) == "add(silu(relu(x)), relu(x))"


def test_a_group_whose_nodes_all_name_what_they_read_takes_no_default() -> None:
    graph = nodes("a: relu\ng: {nodes: {b: {op: silu, in: a}}}\nc: {op: add, in: [g, a]}")
    assert formula(graph) == "add(silu(relu(x)), relu(x))"


def test_two_readers_inside_a_group_that_names_its_input() -> None:
    graph = nodes("a: relu\ng: {in: a, nodes: {b: silu, c: {op: add, in: [b, a]}}}")
    assert formula(graph) == "add(silu(relu(x)), relu(x))"


def test_copies_of_one_node_are_one_reader() -> None:
    graph = nodes("a: relu\nb: {op: add, repeat: 2, in: {other: a}}".replace("in: {other: a}", "in: [a, a]"))
    assert formula(graph) == "add(add(relu(x), relu(x)), relu(x))"


def test_a_push_is_no_reader() -> None:
    graph = net("stacks: [s]\nnodes: {a: {op: relu, push: s}, b: silu, c: {op: add, in: [prev, s.pop]}}")
    assert formula(graph) == "add(silu(relu(x)), relu(x))"


def test_a_popped_value_may_be_read_by_default_alone() -> None:
    graph = net("stacks: [s]\nnodes: {a: {op: relu, push: s}, b: {op: silu, in: x}, c: {op: sub, in: [s.pop, b]}}")
    assert formula(graph) == "sub(relu(x), silu(x))"


# --- rule 11 and 12: values that nobody reads, a body's value --------------------------------------------------------


def test_weights_that_nobody_reads_are_an_error() -> None:
    assert messages(f"nodes: {{a: {CONV}, b: {{op: relu, in: x}}}}") == ["nobody reads 'a', which owns weights"]


def test_weightless_work_that_nobody_reads_is_a_warning() -> None:
    graph = nodes("a: silu\nb: {op: relu, in: x}")
    assert [(w.severity, w.message, w.path) for w in graph.warnings] == [("warning", "nobody reads 'a'", "a")]


def test_a_group_with_weights_that_nobody_reads_is_an_error() -> None:
    assert messages(f"nodes: {{g: {{nodes: {{a: {CONV}}}}}, b: {{op: relu, in: x}}}}") == [
        "nobody reads 'g', which owns weights"
    ]


def test_an_input_that_nobody_reads_is_an_error() -> None:
    assert messages("inputs: {x: [N, 4], y: [N, 4]}\nnodes: {a: relu}") == ["nobody reads the input 'y'"]


def test_reading_one_of_several_outputs_is_enough() -> None:
    assert not nodes("h: {op: chunk, chunks: 2, dim: 1}\na: {op: relu, in: h.1}").warnings


def test_a_bodys_value_is_its_last_node() -> None:
    assert formula(nodes("g: {nodes: {a: relu, b: silu}}")) == "silu(relu(x))"


def test_outputs_say_otherwise() -> None:
    graph = nodes("g: {nodes: {a: relu, b: {op: silu, in: a}}, outputs: a}")
    assert formula(graph) == "relu(x)"
    assert [warning.path for warning in graph.warnings] == ["g.b"]


def test_several_outputs_of_a_group() -> None:
    graph = nodes("g: {nodes: {a: relu, b: silu}, outputs: {left: a, right: b}}\nc: {op: sub, in: [g.right, g.left]}")
    assert formula(graph) == "sub(silu(relu(x)), relu(x))"


def test_outputs_of_a_block_as_a_list() -> None:
    graph = net(
        """
        nodes: {m: mine, c: {op: sub, in: [m.b, m.a]}}
        blocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {a: relu, b: silu}, outputs: [a, b]}}
        """
    )
    assert formula(graph) == "sub(silu(relu(x)), relu(x))"


def test_several_outputs_cannot_be_read_as_one() -> None:
    text = "nodes: {g: {nodes: {a: relu, b: silu}, outputs: {left: a, right: b}}, c: relu}"
    assert messages(text) == ["'g' has several outputs, and the input 'input' of relu takes one"]


def test_an_input_may_be_handed_out() -> None:
    graph = net("nodes: {a: relu}\noutputs: {same: x, a: a}")
    assert (formula(graph, "same"), formula(graph, "a")) == ("x", "relu(x)")


def test_the_same_value_may_be_handed_out_twice() -> None:
    graph = net("nodes: {a: relu}\noutputs: {one: a, two: a}")
    assert formula(graph, "one") == formula(graph, "two") == "relu(x)"


def test_a_group_hands_out_what_stands_around_it() -> None:
    graph = nodes(
        "a: relu\ng: {in: a, nodes: {b: silu}, outputs: {left: a, right: b}}\nc: {op: sub, in: [g.left, g.right]}"
    )
    assert formula(graph) == "sub(relu(x), silu(relu(x)))"


def test_a_warning_of_many_copies_is_told_once() -> None:
    graph = nodes("g: {repeat: 3, nodes: {a: relu, b: {op: silu, in: a}, c: {op: gelu, in: a}}}")
    (warning,) = graph.warnings
    assert (warning.path, warning.notes) == ("g.0.b", (("and 2 more: g.1.b, g.2.b", None),))
