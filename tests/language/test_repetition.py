"""Rules 15 to 17: copies that chain, copies side by side, loop variables, `let`."""

from __future__ import annotations

import pytest
from spec_samples import addresses, calls, formula, keys, messages, net, node, nodes, paths, refusal


def test_copies_chain() -> None:
    graph = nodes("a: {op: conv2d, out_channels: 4, kernel_size: 1, bias: false, repeat: 3}")
    assert formula(graph) == "conv2d:a.2(conv2d:a.1(conv2d:a.0(x)))"
    assert keys(graph) == ["a.0.weight", "a.1.weight", "a.2.weight"]
    assert [call.kind for call in calls(graph).values()] == ["repeat"]


def test_a_single_copy_is_a_copy() -> None:
    assert paths(nodes("a: {op: relu, repeat: 1}")) == ["a.0"]


def test_for_walks_lists_together() -> None:
    graph = nodes("a: {op: conv2d, out_channels: =c, kernel_size: =k, for: {c: [5, 6], k: [1, 3]}}")
    found = [(op.out_channels, op.kernel_size) for op in (node(graph, path).op for path in ("a.0", "a.1"))]
    assert found == [(5, (1, 1)), (6, (3, 3))]


def test_lists_of_different_lengths() -> None:
    assert messages("nodes: {a: {op: conv2d, out_channels: =c, kernel_size: =k, for: {c: [5, 6], k: [1]}}}") == [
        "the lists of 'for' differ in length"
    ]


def test_i_first_and_last() -> None:
    graph = nodes(
        "a: {op: conv2d, kernel_size: 1, repeat: 3, "
        "out_channels: =10 * i + (1 if first else 0) + (2 if last else 0) + 4}"
    )
    assert [node(graph, f"a.{i}").op.out_channels for i in range(3)] == [5, 14, 26]


def test_a_single_copy_is_first_and_last() -> None:
    graph = nodes('a: {op: clamp, min: "=1.0 if first else 0.0", max: "=9.0 if last else 8.0", repeat: 1}')
    assert (node(graph, "a.0").op.min, node(graph, "a.0").op.max) == (1.0, 9.0)


def test_a_loop_variable_may_be_a_list_or_a_name() -> None:
    graph = nodes("a: {op: =kind, for: {kind: [relu, silu]}}\nb: {op: permute, dims: =d, for: {d: [[0, 2, 1, 3]]}}")
    assert formula(graph) == "permute(silu(relu(x)))"


def test_copies_of_a_group() -> None:
    graph = nodes("g: {repeat: 2, nodes: {a: relu, b: silu}}")
    assert formula(graph) == "silu(relu(silu(relu(x))))"
    assert paths(graph) == ["g.0.a", "g.0.b", "g.1.a", "g.1.b"]
    assert addresses(graph) == ["g.0.a", "g.0.b", "g.1.a", "g.1.b"]


def test_only_the_main_port_chains() -> None:
    graph = nodes("t: {op: silu, in: x}\na: {op: sub, in: [x, t], repeat: 2}")
    assert formula(graph) == "sub(sub(x, silu(x)), silu(x))"


def test_only_the_main_port_chains_in_a_map() -> None:
    graph = nodes("t: silu\na: {op: sub, in: {other: t, input: x}, repeat: 2}")
    assert formula(graph) == "sub(sub(x, silu(x)), silu(x))"


def test_the_main_port_of_each_copy_of_a_group_chains() -> None:
    graph = nodes("t: {op: silu, in: x}\ng: {in: x, repeat: 2, nodes: {a: relu, b: {op: sub, in: [a, t]}}}")
    assert formula(graph) == "sub(relu(sub(relu(x), silu(x))), silu(x))"


# --- name.0 reads a copy ---------------------------------------------------------------------------------------------


def test_a_copy_is_read_by_its_number() -> None:
    graph = nodes("a: {op: conv2d, out_channels: 4, kernel_size: 1, repeat: 3}\nb: {op: sub, in: [a, a.0]}")
    assert formula(graph) == "sub(conv2d:a.2(conv2d:a.1(conv2d:a.0(x))), conv2d:a.0(x))"


def test_the_last_copy_by_its_number_is_the_whole() -> None:
    graph = nodes("a: {op: relu, repeat: 2}\nb: {op: sub, in: [a, a.1]}")
    assert formula(graph) == "sub(relu(relu(x)), relu(relu(x)))"


def test_a_copy_is_read_from_inside_a_later_group() -> None:
    graph = nodes("a: {op: relu, repeat: 2}\ng: {in: a, nodes: {b: silu, c: {op: sub, in: [b, a.0]}}}")
    assert formula(graph) == "sub(silu(relu(relu(x))), relu(x))"


def test_copies_as_outputs() -> None:
    graph = net("nodes: {a: {op: relu, repeat: 2}}\noutputs: {early: a.0, late: a.1}")
    assert (formula(graph, "early"), formula(graph, "late")) == ("relu(x)", "relu(relu(x))")


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("map", ["true", "false"])
def test_copies_are_counted_from_0(count: int, map: str) -> None:
    """The first and the last copy can be read, and the one behind the last cannot."""
    for index in range(count + 2):
        text = f"nodes: {{a: {{op: relu, repeat: {count}, map: {map}}}, b: {{op: silu, in: a.{index}}}}}"
        if index < count:
            depth = 1 if map == "true" else index + 1
            assert formula(net(text)) == f"silu({'relu(' * depth}x{')' * depth})"
        else:
            assert messages(text) == [f"'a' has no copy {index}"]


@pytest.mark.parametrize("index", ["-1", "00", "01", "+1", "1.0"])
def test_a_copy_is_numbered_as_it_is_counted(index: str) -> None:
    assert len(messages(f"nodes: {{a: {{op: relu, repeat: 2}}, b: {{op: silu, in: a.{index}}}}}")) == 1


def test_a_node_has_from_no_copy_to_ten_thousand() -> None:
    """Without a copy it is left out."""
    assert paths(nodes("a: {op: relu, repeat: 0}\nb: silu")) == ["b"]
    assert paths(nodes("a: {op: relu, repeat: 999, when: =last}")) == ["a.998"]
    assert paths(nodes("a: {op: relu, repeat: 10000, when: =last}")) == ["a.9999"]
    for count in ("-1", "10001", "true", "1.0"):
        assert "expected: a whole number from 0 to 10,000" in refusal(f"nodes: {{a: {{op: relu, repeat: ={count}}}}}")


def test_a_copy_that_is_read_by_its_number_is_not_lost() -> None:
    """The second copy reads `x`, as the first does."""
    text = "g: {repeat: 2, nodes: {c: {op: conv2d, in: x, out_channels: 4, kernel_size: 1}}}"
    assert formula(nodes(text + "\nb: {op: sub, in: [g, g.0]}")) == "sub(conv2d:g.1.c(x), conv2d:g.0.c(x))"
    assert messages(f"nodes:\n  {text}")[0].startswith("nobody reads copy 0")
    assert messages(f"nodes:\n  {text}\n  b: {{op: sub, in: [g, g.1]}}")[0].startswith("nobody reads copy 0")


def test_a_copy_that_is_left_out_cannot_be_read() -> None:
    text = "nodes: {a: {op: relu, repeat: 3, when: =i != 1}, b: {op: sub, in: [a, a.1]}}"
    assert messages(text) == ["'a' has no copy 1"]


def test_a_copy_of_a_group_with_several_outputs() -> None:
    graph = nodes(
        """
        g: {repeat: 2, map: true, nodes: {a: relu, b: silu}, outputs: {left: a, right: b}}
        c: {op: sub, in: [g.0.right, g.1.left]}
        d: {op: concat, in: [c, g.1]}
        """
    )
    assert formula(graph) == "concat(sub(silu(relu(x)), relu(x)), relu(x), silu(relu(x)))"


# --- map -------------------------------------------------------------------------------------------------------------


def test_map_applies_copies_side_by_side() -> None:
    graph = nodes(
        "a: {op: conv2d, out_channels: =k, kernel_size: 1, for: {k: [2, 3]}, map: true}\nb: {op: concat, in: a}"
    )
    assert formula(graph) == "concat(conv2d:a.0(x), conv2d:a.1(x))"
    assert node(graph, "b").output.shape[1] == 5
    assert [call.kind for call in calls(graph).values()] == ["map"]


def test_outputs_of_map_are_read_one_by_one() -> None:
    graph = nodes(
        "a: {op: conv2d, out_channels: 4, kernel_size: 1, repeat: 2, map: true}\nb: {op: sub, in: [a.1, a.0]}"
    )
    assert formula(graph) == "sub(conv2d:a.1(x), conv2d:a.0(x))"


def test_map_of_a_group() -> None:
    graph = nodes("a: relu\ng: {repeat: 2, map: true, nodes: {b: silu, c: gelu}}\nd: {op: concat, in: g}")
    assert formula(graph) == "concat(gelu(silu(relu(x))), gelu(silu(relu(x))))"


def test_map_of_a_group_that_is_one_reader() -> None:
    graph = nodes("a: relu\ng: {repeat: 2, map: true, in: a, nodes: {b: silu}}\nd: {op: concat, in: [g, a]}")
    assert formula(graph) == "concat(silu(relu(x)), silu(relu(x)), relu(x))"


def test_map_with_a_copy_left_out_keeps_the_numbers() -> None:
    graph = nodes("a: {op: relu, repeat: 3, map: true, when: =i != 1}\nb: {op: sub, in: [a.2, a.0]}")
    assert formula(graph) == "sub(relu(x), relu(x))"
    assert paths(graph) == ["a.0", "a.2", "b"]


def test_map_may_depend_on_a_parameter() -> None:
    text = "params: {wide: true}\nnodes: {a: {op: relu, repeat: 2, map: =wide}, b: {op: concat, in: a}}"
    assert formula(net(text)) == "concat(relu(x), relu(x))"
    assert formula(net(text, wide=False)) == "concat(relu(relu(x)))"


def test_pyramid_whose_levels_are_read_singly() -> None:
    graph = nodes(
        """
        c: {op: conv2d, out_channels: 4, kernel_size: 3, stride: 2, padding: 1, repeat: 3, bias: false}
        coarse: {op: adaptive_avg_pool2d, in: c, output_size: 1}
        fine: {op: adaptive_avg_pool2d, in: c.0, output_size: 1}
        both: {op: add, in: [coarse, fine]}
        """
    )
    assert formula(graph) == (
        "add(adaptive_avg_pool2d(conv2d:c.2(conv2d:c.1(conv2d:c.0(x)))), adaptive_avg_pool2d(conv2d:c.0(x)))"
    )


# --- nesting, let ----------------------------------------------------------------------------------------------------


def test_the_innermost_i_is_seen() -> None:
    graph = nodes("g: {repeat: 2, nodes: {a: {op: conv2d, out_channels: =4 + i, kernel_size: 1, repeat: 3}}}")
    assert [node(graph, f"g.1.a.{i}").op.out_channels for i in range(3)] == [4, 5, 6]


def test_let_reaches_the_outer_i() -> None:
    graph = nodes(
        "g: {repeat: 2, let: {level: =i}, nodes: {"
        "a: {op: conv2d, out_channels: =10 * level + i + 1, kernel_size: 1, repeat: 2}}}"
    )
    assert [node(graph, f"g.{k}.a.{i}").op.out_channels for k in range(2) for i in range(2)] == [1, 2, 11, 12]


def test_let_sees_loop_variables_and_earlier_values() -> None:
    graph = nodes(
        "g: {for: {c: [3, 5]}, let: {double: =2 * c, more: =double + 1}, nodes: {"
        "a: {op: conv2d, out_channels: =more, kernel_size: 1}}}"
    )
    assert [node(graph, f"g.{k}.a").op.out_channels for k in range(2)] == [7, 11]


def test_let_of_the_spec_and_of_a_block() -> None:
    graph = net(
        """
        params: {width: 6}
        let: {half: =width // 2}
        nodes: {m: {op: mine, planes: =half}}
        blocks:
          mine:
            params: {planes: int}
            inputs: {y: [N, C, H, W]}
            let: {width: =planes * C}
            nodes: {a: {op: conv2d, out_channels: =width, kernel_size: 1}}
        """
    )
    assert node(graph, "m.a").op.out_channels == 12


def test_let_cannot_be_overridden() -> None:
    text = "let: {half: 3}\nnodes: {a: {op: conv2d, out_channels: =half, kernel_size: 1}}"
    assert messages(text, half=4) == ["net has no parameter 'half'"]


def test_let_on_a_node_that_is_no_group() -> None:
    assert node(nodes("a: {op: conv2d, let: {k: 3}, out_channels: =k, kernel_size: =k}"), "a").op.kernel_size == (3, 3)


def test_let_of_a_node_before_its_condition() -> None:
    assert formula(nodes("a: {op: relu, let: {k: 3}, when: =k == 2}\nb: silu")) == "silu(x)"


def test_copies_may_differ_in_shape() -> None:
    graph = nodes("a: {op: conv2d, for: {c: [8, 16]}, out_channels: =c, kernel_size: 3, stride: 2, padding: 1}")
    assert str(node(graph, "a.1").output.type) == "[N, 16, (H + 3) // 4, (W + 3) // 4]"


def test_a_repeated_block() -> None:
    graph = net(
        """
        nodes: {m: {op: mine, repeat: 2, add: =i}}
        blocks:
          mine:
            params: {add: int}
            inputs: {y: [N, C, H, W]}
            nodes: {a: {op: conv2d, out_channels: =C + add, kernel_size: 1}}
        """
    )
    assert [node(graph, f"m.{i}.a").op.out_channels for i in range(2)] == [4, 5]
    assert {address: call.kind for address, call in calls(graph).items()} == {
        "m": "repeat",
        "m.0": "block",
        "m.1": "block",
    }
