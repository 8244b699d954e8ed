"""A group that names its input: its sizes are known inside, and each copy of a repeated one has its own."""

from __future__ import annotations

import pytest
from spec_samples import assert_says, formula, messages, net, nodes, refusal

from archgraph.graph import graph_text
from archgraph.language.load import load


def test_the_sizes_of_the_input_of_a_group() -> None:
    graph = nodes(
        """
        low: {op: avg_pool2d, kernel_size: 2}
        g:
          inputs: {y: [N, C, h, w]}
          nodes:
            a: {op: conv2d, out_channels: =3 * C, kernel_size: 1}
            b: {op: interpolate, size: "=[2 * h, w]"}
        """
    )
    assert str(graph.outputs["output"].type) == "[N, 12, 2*(H // 2), W // 2]"
    assert graph_text(load(graph.info.spec, standalone=True)) == graph_text(graph)


def test_a_residual_in_a_repeated_group() -> None:
    graph = nodes("g: {repeat: 2, inputs: {y: [N, C, H, W]}, nodes: {a: relu, b: {op: add, in: [a, y]}}}")
    once = "add(relu(x), x)"
    assert formula(graph) == f"add(relu({once}), {once})"


def test_each_copy_binds_its_own_sizes() -> None:
    graph = nodes(
        "g: {repeat: 3, inputs: {y: [N, c, H, W]}, "
        "nodes: {a: {op: concat, in: [y, y], dim: 1}, b: {op: conv2d, out_channels: =c + 1, kernel_size: 1}}}"
    )
    assert str(graph.outputs["output"].type) == "[N, 7, H, W]"


def test_the_input_of_a_group_by_its_name() -> None:
    graph = nodes(
        "a: relu\nb: {op: silu, in: a}\ng: {in: {y: a}, inputs: {y: [N, C, H, W]}, nodes: {c: {op: add, in: [y, b]}}}"
    )
    assert formula(graph) == "add(relu(x), silu(relu(x)))"


def test_copies_side_by_side_share_the_input() -> None:
    graph = nodes(
        "g: {repeat: 2, map: true, inputs: {y: [N, C, H, W]}, "
        "nodes: {a: {op: mul, in: [y, y]}}}\nj: {op: concat, in: g, dim: 1}"
    )
    assert formula(graph) == "concat(mul(x, x), mul(x, x))"


def test_a_known_size_is_required() -> None:
    assert_says(
        "nodes: {c: {op: max_pool2d, kernel_size: 2}, g: {inputs: {y: [N, C, H, W]}, nodes: {r: relu}}}",
        """
        net.yaml:4:62: error: g: what is handed to 'y' of g has the wrong shape: dimension 2 must be H, and is H // 2
            4 | nodes: {c: {op: max_pool2d, kernel_size: 2}, g: {inputs: {y: [N, C, H, W]}, nodes: {r: relu}}}
                                                                             ^^^^^^^^^^^^
          expected: [N, C, H, W]
          received: [N, 4, H // 2, W // 2]
          hint: sizes differ for every H
          note: H must be at least 2, because of c: a window of 2 must fit into H (net.yaml:4:9)
          note: 'y' is [N, 4, H // 2, W // 2], from 'c' (net.yaml:4:9)
        """,
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nodes: {g: {inputs: {y: [N], z: [N]}, nodes: {r: relu}}}", "a group has one input"),
        ("nodes: {g: {inputs: {y: {shape: [N], each: 2}}, nodes: {r: relu}}}", "the input of a group has no 'each'"),
        ("nodes: {r: {op: relu, inputs: {y: [N]}}}", "'inputs' goes with 'nodes', and this node has 'op'"),
        ("nodes: {g: {inputs: {x: [N, C, H, W]}, nodes: {r: relu}}}", "the name 'x' is taken by an input"),
        (
            "let: {c: 4}\nnodes: {g: {inputs: {y: [N, c, H, W]}, nodes: {r: relu}}}",
            "'c' is a value of 'let', and a bare name in a shape is a symbol",
        ),
        (
            "nodes: {g: {inputs: {y: [N, C, H, W]}, nodes: {r: {op: relu, in: x}}}}",
            "nobody reads the input 'y'",
        ),
        (
            "nodes: {g: {inputs: {y: [N, C, H]}, nodes: {r: relu}}}",
            "what is handed to 'y' of g has another number of dimensions",
        ),
        (
            "nodes: {c: {op: chunk, chunks: 2, dim: 1}, g: {inputs: {y: [N, C, H, W]}, nodes: {r: relu}}}",
            "'c' has several outputs, and the input 'y' of g takes one",
        ),
    ],
)
def test_inputs_of_a_group_that_are_wrong(text: str, said: str) -> None:
    assert messages(text) == [said]


def test_nothing_stands_before() -> None:
    said = refusal("inputs: {}\nnodes: {g: {inputs: {y: [4]}, nodes: {r: relu}}}")
    assert "nothing stands before this group, and it needs its input 'y'" in said


def test_an_input_that_is_there_for_its_sizes() -> None:
    graph = net(
        "inputs: {x: [N, 4, H, W], z: [N, 4, H, W]}\n"
        "nodes: {s: {op: sum, in: z}, g: {in: x, inputs: {y: [N, c, h, w]}, "
        "nodes: {o: {op: full, shape: [=h], fill_value: 1.0}, a: {op: add, in: [o, s]}}}}"
    )
    assert str(graph.outputs["output"].type) == "[H]"
