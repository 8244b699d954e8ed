"""Rules 25 and 28: what an input's shape says, of a model and of a block."""

from __future__ import annotations

import pytest
from spec_samples import formula, messages, net, node, refusal

from archgraph.errors import SpecError


def block(shape: str, given: str = "[N, 4, H, W]", more: str = "", params: str = "{}") -> str:
    return f"""
inputs: {{x: {given}}}
nodes: {{m: {{op: mine}}}}
blocks: {{mine: {{params: {params}, inputs: {{y: {shape}}}, nodes: {{a: {more or "relu"}}}}}}}
"""


def test_names_are_symbols() -> None:
    graph = net("inputs: {x: [B, 4, T]}\nnodes: {a: relu}")
    assert str(graph.outputs["output"].type) == "[B, 4, T]"


def test_expressions_need_a_sign() -> None:
    text = "params: {channels: 5}\ninputs: {x: [N, =channels, 8, 8]}\nnodes: {a: relu}"
    assert str(net(text).inputs[0].type) == "[N, 5, 8, 8]"
    assert messages(text.replace("=channels", "channels")) == [
        "'channels' is a parameter, and a bare name in a shape is a symbol"
    ]


def test_a_size_may_be_derived_from_symbols() -> None:
    graph = net(
        "inputs: {x: [N, 4, H, W], y: [N, 4, =H // 2, =W // 2]}\n"
        "nodes: {p: {op: max_pool2d, in: x, kernel_size: 2}, a: {op: add, in: [p, y]}}"
    )
    assert str(graph.inputs[1].type) == "[N, 4, H // 2, W // 2]"


def test_elements_have_types() -> None:
    graph = net(
        "inputs: {t: {shape: [N], dtype: int64}}\nnodes: {a: {op: embedding, num_embeddings: 3, embedding_dim: 2}}"
    )
    assert graph.inputs[0].dtype == "int64"


def test_bounds() -> None:
    graph = net('inputs: {t: {shape: [N, L], where: "L <= 1024"}}\nnodes: {a: relu}')
    assert [constraint.text for constraint in graph.constraints] == ["L must be at most 1024"]
    graph = net('inputs: {t: {shape: [N, L], where: ["L > 3", "L < 10"]}}\nnodes: {a: relu}')
    assert [(c.minimum, c.maximum) for c in graph.constraints] == [(4, 9)]


def test_a_bound_may_be_a_parameter() -> None:
    graph = net('params: {context: 77}\ninputs: {t: {shape: [N, L], where: "L <= context"}}\nnodes: {a: relu}')
    assert [constraint.maximum for constraint in graph.constraints] == [77]


@pytest.mark.parametrize(
    ("claim", "rules"),
    [
        ("H % 16 == 4", ["H % 16 must be 4"]),
        ("2*((H + 15) // 16) == (H + 7) // 8", ["H % 16 must be 0, 9, 10, 11, 12, 13, 14 or 15"]),
        ("H % step == 0", ["H must be a multiple of 8"]),
    ],
)
def test_equations_of_sizes(claim: str, rules: list[str]) -> None:
    graph = net(f'params: {{step: 8}}\ninputs: {{t: {{shape: [N, H], where: "{claim}"}}}}\nnodes: {{a: relu}}')
    assert [constraint.text for constraint in graph.constraints] == rules


@pytest.mark.parametrize("claim", ["H // 32 == 7", "H % 4 == 7", "H == W"])
def test_an_equation_that_narrows_no_size_is_refused(claim: str) -> None:
    (said,) = messages(f'inputs: {{t: {{shape: [H, W], where: "{claim}"}}}}\nnodes: {{a: relu}}')
    assert said.startswith("sizes ")


def test_an_equation_of_a_blocks_sizes_narrows_them_or_must_hold() -> None:
    claim = 'inputs: {y: {shape: [N, L], where: "L % 4 == 0"}}'
    text = f"inputs: {{x: [N, {{}}]}}\nnodes: {{m: mine}}\nblocks: {{mine: {{{claim}, nodes: {{a: relu}}}}}}".replace
    graph = net(text("{}", "L"))
    assert [constraint.text for constraint in graph.constraints] == ["L must be a multiple of 4"]
    assert messages(text("{}", "6")) == ["what is handed to 'y' of mine has sizes for which L % 4 == 0 does not hold"]


def test_a_bound_of_what_is_no_size() -> None:
    assert messages('inputs: {t: {shape: [N, L], where: "M <= 3"}}\nnodes: {a: relu}') == [
        "there is no size 'M' to bound"
    ]


# --- blocks ----------------------------------------------------------------------------------------------------------


def test_a_blocks_symbols_bind_to_what_is_handed_in() -> None:
    graph = net(block("[N, C, H, W]", more="{op: conv2d, out_channels: =2 * C, kernel_size: 1}"))
    assert node(graph, "m.a").op.out_channels == 8


def test_a_symbol_used_twice_must_match() -> None:
    assert formula(net(block("[N, C, S, S]", "[N, 4, 8, 8]"))) == "relu(x)"
    said = refusal(block("[N, C, S, S]", "[N, 4, 8, 9]"))
    assert "[N, C, S, S]" in said
    assert "[N, 4, 8, 9]" in said


def test_a_number_must_match() -> None:
    assert "[N, 3, H, W]" in refusal(block("[N, 3, H, W]"))


def test_rank_must_match() -> None:
    assert messages(block("[N, C]")) == ["what is handed to 'y' of mine has another number of dimensions"]


def test_element_type_must_match() -> None:
    text = (
        "inputs: {x: {shape: [N, 4], dtype: int64}}\n"
        "nodes: {m: mine}\n"
        "blocks: {mine: {inputs: {y: [N, C]}, nodes: {a: relu}}}"
    )
    assert messages(text) == ["what is handed to 'y' of mine has another element type"]
    assert "expected: [N, C] float32\n  received: [N, 4] int64" in refusal(text)
    text = text.replace("dtype: int64", "dtype: float32").replace("{y: [N, C]}", "{y: {shape: [N, C], dtype: int64}}")
    assert "expected: [N, C] int64\n  received: [N, 4] float32" in refusal(
        text.replace("relu", "{op: to, dtype: float32}")
    )


@pytest.mark.parametrize("given", ["[N, 4]", "[N, L, 4]", "[N, 4, H, W]", "[4]"])
def test_dots_stand_for_any_leading_dimensions(given: str) -> None:
    assert formula(net(block("[..., C]", given))) == "relu(x)"
    assert formula(net(block("[...]", given))) == "relu(x)"


def test_dots_with_too_few_dimensions() -> None:
    assert messages(block("[..., H, W]", "[4]")) == ["what is handed to 'y' of mine has another number of dimensions"]


def test_an_expression_in_a_blocks_shape_must_match() -> None:
    text = block("[N, =width, H, W]", params="{width: 4}")
    assert formula(net(text)) == "relu(x)"
    assert "[N, width, H, W]" in refusal(text.replace("{op: mine}", "{op: mine, width: 5}"))


def test_a_size_that_must_match_narrows() -> None:
    text = """
inputs: {x: [N, 4, H, W]}
nodes: {d: {op: max_pool2d, kernel_size: 2}, u: {op: interpolate, scale_factor: 2.0}, m: {op: mine, in: [x, u]}}
blocks: {mine: {inputs: {y: [N, C, H, W], z: [N, C, H, W]}, nodes: {a: {op: add, in: [y, z]}}}}
"""
    graph = net(text)
    assert [constraint.text for constraint in graph.constraints] == [
        "H must be a multiple of 2",
        "W must be a multiple of 2",
    ]
    assert {cause.path for constraint in graph.constraints for cause in constraint.causes} == {"m"}


def test_symbols_of_a_block_hide_nothing_outside() -> None:
    """The block's H is the width outside."""
    text = """
inputs: {x: [N, 4, H, W]}
nodes: {t: {op: permute, dims: [0, 1, 3, 2]}, m: {op: mine}}
blocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {a: {op: reshape, shape: [=N, =C, =H, =W]}}}}
"""
    assert str(node(net(text), "m.a").output.type) == "[N, 4, W, H]"


def test_a_model_has_a_fixed_number_of_dimensions() -> None:
    assert messages("inputs: {x: [..., 4]}\nnodes: {a: relu}") == [
        "a model's own input has a fixed number of dimensions"
    ]


@pytest.mark.parametrize(
    ("claim", "hint"),
    [
        ("H // 32 == 7", "a range has two bounds"),
        ("H == W", "one name in 'shape'"),
        ("H % 16 = 0", "compares with =="),
    ],
)
def test_what_to_write_in_place_of_an_equation(claim: str, hint: str) -> None:
    text = f'inputs: {{x: {{shape: [H, W], where: [W >= 1, "{claim}"]}}}}\nnodes: {{a: relu}}'
    with pytest.raises(SpecError) as caught:
        net(text)
    (problem,) = caught.value.problems
    assert hint in problem.hint
    assert problem.where is not None
    assert problem.where.column == 1 + text.splitlines()[0].index(f'"{claim}"')
