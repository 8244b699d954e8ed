"""What only shows at the end of a body: who reads what by default, and what nobody reads."""

from __future__ import annotations

import re

import pytest
from spec_samples import formula, messages, net, refusal

CONV = "{op: conv2d, out_channels: 4, kernel_size: 1}"
BLOCK = "blocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {a: %s}}}"


@pytest.mark.parametrize("holder", ["op: mine", "nodes: {a: INSIDE}", "repeat: 2, nodes: {a: INSIDE}"])
@pytest.mark.parametrize("inside", ["relu", CONV, "{op: flatten, start_dim: 2}"])
def test_work_without_weights_may_be_lost(holder: str, inside: str) -> None:
    """A block, a group or copies that nobody reads: with weights inside it is an error."""
    unread = holder.replace("INSIDE", inside)
    text = f"nodes: {{m: {{{unread}, in: x}}, y: {{op: relu, in: x}}}}\n{BLOCK % inside}"
    if inside == CONV:
        assert messages(text) == ["nobody reads 'm', which owns weights"]
    else:
        assert [(each.severity, each.message) for each in net(text).warnings] == [("warning", "nobody reads 'm'")]


@pytest.mark.parametrize("first", [CONV, "{op: mine}"])
def test_a_node_that_is_applied_again_owns_nothing_more(first: str) -> None:
    """Its weights are those of the first: that `s` is lost loses none."""
    graph = net(f"nodes: {{m: {first}, s: {{share: m, in: x}}, y: {{op: relu, in: m}}}}\n{BLOCK % CONV}")
    assert [each.message for each in graph.warnings] == ["nobody reads 's'"]


@pytest.mark.parametrize("count", [1, 2, 12, 13, 20])
def test_twelve_of_those_who_read_a_value_too_are_named(count: int) -> None:
    others = "".join(f"  r{k}: {{op: relu, in: a}}\n" for k in range(count))
    said = refusal(f"nodes:\n  a: relu\n  d: silu\n{others}  y: {{op: concat, in: [d, r0]}}")
    first = said.partition("\n")[0]
    assert first.startswith("net.yaml:6:3: error: d: this node reads 'a' only because it stands before it")
    assert len(re.findall(r"'r\d+'", first)) == min(count, 12)
    assert len(re.findall(r"note: r\d+ reads it here", said)) == min(count, 12)


def test_an_input_of_a_block_that_nobody_reads_has_the_address_of_the_block() -> None:
    blocks = "blocks: {mine: {inputs: {y: [N, C, H, W], z: [N, C, H, W]}, nodes: {a: relu}}}"
    text = f"nodes: {{m: {{op: mine, in: [x, x]}}}}\n{blocks}"
    assert "error: m.z: nobody reads the input 'z'" in refusal(text)
    assert "error: y: nobody reads the input 'y'" in refusal("inputs: {x: [N, 4], y: [N, 4]}\nnodes: {a: relu}")


SIZED = """
inputs: {{x: [N, 4], y: [M, 8, K]}}
nodes:
  sum: {{op: sum, in: y, dim: [0, 1, 2]}}
  m: {{op: mine, in: [x, y]}}
  join: {{op: add, in: [m, sum]}}
blocks:
  mine:
    params: {{size: =3 * L}}
    inputs: {{a: [N, C], b: [M, C2, L]}}
    let: {{twice: =2 * L, rows: =N}}
    nodes:
      group: {{nodes: {{wide: {{op: unsqueeze, dim: 2}}, more: {{op: expand, shape: [=N, 4, {size}]}}}}}}
"""


@pytest.mark.parametrize(("size", "shape"), [("=L", "[N, 4, K]"), ("=twice", "[N, 4, 2*K]"), ("=size", "[N, 4, 3*K]")])
def test_an_input_of_a_block_may_be_there_for_its_sizes(size: str, shape: str) -> None:
    graph = net(SIZED.format(size=size))
    assert str(next(iter(graph.outputs.values())).type) == shape


def test_a_size_that_another_input_has_is_no_reason_for_an_input() -> None:
    text = SIZED.format(size=5).replace("twice: =2 * L, ", "").replace("=3 * L", "5").replace("b: [M", "b: [N")
    assert "error: m.b: nobody reads the input 'b'" in refusal(text.replace("y: [M", "y: [N"))


@pytest.mark.parametrize(("asked", "hint"), [("cnv", "did you mean 'conv'?"), ("grop", None), ("imag", None)])
def test_only_what_can_be_applied_again_is_proposed(asked: str, hint: str | None) -> None:
    """A group and an input have names, but no operation or block to apply."""
    text = f"""
        inputs: {{image: [N, 4, H, W]}}
        nodes:
          conv: {CONV}
          group: {{nodes: {{a: relu}}}}
          b: {{share: {asked}}}
        """
    said = refusal(text)
    assert f"there is no node '{asked}' to apply again" in said
    assert re.findall(r"hint: (.*)", said) == ([hint] if hint else [])


def test_own_blocks_come_before_those_around() -> None:
    """What a block's nodes name: its own blocks, then those of the file. Others do not see its own."""
    graph = net(
        """
        nodes: {m: mine, n: inner}
        blocks:
          inner: {inputs: {y: [N, C, H, W]}, nodes: {a: relu}}
          other: {inputs: {y: [N, C, H, W]}, nodes: {a: inner}}
          mine:
            inputs: {y: [N, C, H, W]}
            nodes: {a: inner, b: other}
            blocks:
              inner: {inputs: {y: [N, C, H, W]}, nodes: {a: silu}}
        """
    )
    assert formula(graph) == "relu(relu(silu(x)))"
