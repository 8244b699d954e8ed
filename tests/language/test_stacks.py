"""Rule 18: stacks, and what crosses the border of a group."""

from __future__ import annotations

from spec_samples import calls, formula, keys, messages, net


def test_what_was_pushed_last_is_popped_first() -> None:
    graph = net(
        """
        stacks: [s]
        nodes:
          a: {op: relu, push: s}
          b: {op: silu, push: s}
          c: {op: sub, in: [prev, s.pop]}
          d: {op: mul, in: [prev, s.pop]}
        """
    )
    assert formula(graph) == "mul(sub(silu(relu(x)), silu(relu(x))), relu(x))"


def test_two_stacks() -> None:
    graph = net(
        "stacks: [s, t]\nnodes: {a: {op: relu, push: s}, b: {op: silu, push: t}, c: {op: sub, in: [s.pop, t.pop]}}"
    )
    assert formula(graph) == "sub(relu(x), silu(relu(x)))"


def test_pushed_in_a_group_and_popped_after_it() -> None:
    graph = net(
        """
        stacks: [s]
        nodes:
          g: {nodes: {a: {op: relu, push: s}, b: silu}}
          c: {op: sub, in: [prev, s.pop]}
        """
    )
    assert formula(graph) == "sub(silu(relu(x)), relu(x))"
    assert len(calls(graph)["g"].outputs) == 2


def test_popped_in_a_group() -> None:
    graph = net(
        """
        stacks: [s]
        nodes:
          a: {op: relu, push: s}
          g: {nodes: {b: silu, c: {op: sub, in: [prev, s.pop]}}}
        """
    )
    assert formula(graph) == "sub(silu(relu(x)), relu(x))"
    group = calls(graph)["g"]
    assert len(group.inputs) == 1  # what was pushed is what stands before the group


def test_popped_in_a_group_it_crosses_the_border_as_an_input_of_its_own() -> None:
    graph = net(
        """
        stacks: [s]
        nodes:
          a: {op: relu, push: s}
          b: silu
          g: {nodes: {c: {op: sub, in: [prev, s.pop]}}}
        """
    )
    assert formula(graph) == "sub(silu(relu(x)), relu(x))"
    assert len(calls(graph)["g"].inputs) == 2


def test_pushed_and_popped_in_one_group() -> None:
    graph = net("stacks: [s]\nnodes: {g: {nodes: {a: {op: relu, push: s}, b: silu, c: {op: sub, in: [prev, s.pop]}}}}")
    assert formula(graph) == "sub(silu(relu(x)), relu(x))"
    assert len(calls(graph)["g"].outputs) == 1


def test_a_stack_of_a_group() -> None:
    graph = net("nodes: {g: {stacks: [s], nodes: {a: {op: relu, push: s}, b: silu, c: {op: sub, in: [prev, s.pop]}}}}")
    assert formula(graph) == "sub(silu(relu(x)), relu(x))"


def test_a_stack_of_each_copy_of_a_group() -> None:
    graph = net("nodes: {g: {repeat: 2, stacks: [s], nodes: {a: {op: relu, push: s}, c: {op: sub, in: [x, s.pop]}}}}")
    assert formula(graph) == "sub(x, relu(sub(x, relu(x))))"


def test_a_stack_of_a_block() -> None:
    graph = net(
        """
        nodes: {m: mine}
        blocks:
          mine:
            stacks: [s]
            inputs: {y: [N, C, H, W]}
            nodes: {a: {op: relu, push: s}, b: silu, c: {op: sub, in: [prev, s.pop]}}
        """
    )
    assert formula(graph) == "sub(silu(relu(x)), relu(x))"


def test_a_block_does_not_see_the_stacks_around_it() -> None:
    text = """
        stacks: [s]
        nodes: {a: {op: relu, push: s}, m: mine, b: {op: sub, in: [m, s.pop]}}
        blocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {c: {op: silu, push: s}}}}
        """
    assert messages(text) == ["there is no stack 's'"]


def test_each_copy_pushes() -> None:
    graph = net(
        """
        stacks: [s]
        nodes:
          a: {op: conv2d, out_channels: 4, kernel_size: 1, bias: false, repeat: 2, push: s}
          c: {op: sub, repeat: 2, in: [prev, s.pop]}
        """
    )
    first = "conv2d:a.0(x)"
    second = f"conv2d:a.1({first})"
    assert formula(graph) == f"sub(sub({second}, {second}), {first})"


def test_pushes_of_nested_repeats() -> None:
    graph = net(
        """
        stacks: [s]
        nodes:
          down:
            repeat: 2
            nodes:
              layer: {op: conv2d, out_channels: 4, kernel_size: 1, bias: false, repeat: 2, push: s}
              act: {op: relu, push: s, when: =not last}
          up: {op: concat, repeat: 5, in: [prev, s.pop]}
        """
    )
    a = "conv2d:down.0.layer.0(x)"
    b = f"conv2d:down.0.layer.1({a})"
    c = f"relu({b})"
    d = f"conv2d:down.1.layer.0({c})"
    e = f"conv2d:down.1.layer.1({d})"
    assert formula(graph) == f"concat(concat(concat(concat(concat({e}, {e}), {d}), {c}), {b}), {a})"
    assert keys(graph)[-1] == "down.1.layer.1.weight"


def test_pops_of_nested_repeats() -> None:
    graph = net(
        """
        stacks: [s]
        nodes:
          down: {op: relu, repeat: 4, push: s}
          up: {repeat: 2, nodes: {layer: {repeat: 2, nodes: {skip: {op: add, in: [prev, s.pop]}}}}}
        """
    )
    r = ["x"]
    for _ in range(4):
        r.append(f"relu({r[-1]})")
    assert formula(graph) == f"add(add(add(add({r[4]}, {r[4]}), {r[3]}), {r[2]}), {r[1]})"


def test_the_same_value_pushed_twice() -> None:
    graph = net(
        """
        stacks: [s]
        nodes:
          g: {push: s, nodes: {a: {op: relu, push: s}}}
          b: {op: add, in: [prev, s.pop]}
          c: {op: sub, in: [prev, s.pop]}
        """
    )
    assert formula(graph) == "sub(add(relu(x), relu(x)), relu(x))"


def test_a_left_out_group_inside_which_nothing_is_pushed() -> None:
    graph = net(
        "stacks: [s]\n"
        "nodes: {a: {op: relu, push: s}, g: {when: false, nodes: {b: {op: silu, push: s}}}, "
        "c: {op: sub, in: [prev, s.pop]}}"
    )
    assert formula(graph) == "sub(relu(x), relu(x))"


def test_several_outputs_on_a_stack_are_popped_together() -> None:
    graph = net("stacks: [s]\nnodes: {h: {op: chunk, chunks: 2, dim: 1, push: s}, b: {op: concat, in: s.pop}}")
    assert formula(graph) == "concat(chunk(x), chunk(x)[1])"


def test_a_left_out_node_that_is_pushed_by_its_group() -> None:
    graph = net(
        "stacks: [s]\n"
        "nodes: {a: relu, g: {push: s, nodes: {b: {op: silu, when: false}}}, c: {op: gelu, in: g}, "
        "d: {op: sub, in: [prev, s.pop]}}"
    )
    assert formula(graph) == "sub(gelu(relu(x)), relu(x))"


def test_a_pop_that_is_left_out_takes_nothing() -> None:
    text = (
        "stacks: [s]\n"
        "nodes: {a: {op: relu, push: s}, b: {op: add, in: [prev, s.pop], when: false}, "
        "c: {op: sub, in: [prev, s.pop]}}"
    )
    assert formula(net(text)) == "sub(relu(x), relu(x))"


def test_a_pop_as_the_main_input_of_a_group() -> None:
    graph = net(
        "stacks: [s]\n"
        "nodes: {a: {op: relu, push: s}, b: {op: silu, in: x}, g: {in: s.pop, nodes: {c: gelu}}, "
        "d: {op: sub, in: [g, b]}}"
    )
    assert formula(graph) == "sub(gelu(relu(x)), silu(x))"


def test_a_pop_as_an_output() -> None:
    graph = net("stacks: [s]\nnodes: {a: {op: relu, push: s}, b: silu}\noutputs: {low: s.pop, high: b}")
    assert (formula(graph, "low"), formula(graph, "high")) == ("relu(x)", "silu(relu(x))")


def test_a_stack_that_is_not_empty_at_the_end() -> None:
    text = "stacks: [s]\nnodes: {a: {op: relu, push: s}, b: {op: silu, push: s}, c: {op: sub, in: [prev, s.pop]}}"
    assert messages(text) == ["the stack 's' still holds 1 value at the end"]


def test_a_pop_without_a_push() -> None:
    text = (
        "stacks: [s]\nnodes: {a: {op: relu, push: s}, b: {op: sub, in: [prev, s.pop]}, c: {op: sub, in: [prev, s.pop]}}"
    )
    assert messages(text) == ["the stack 's' is empty here"]
