"""One slip in many nodes is printed once, with its first place and the names of some others."""

from __future__ import annotations

import pytest
from spec_samples import refusal

from archgraph.errors import Problem, SpecError, each_once

SLIPS = {
    "{op: conv2d, out_channels: 4, kernel_sizes: 3}": "n1, n2, n3",
    "{op: conv2dd}": "n1, n2, n3",
    "nn.ReLU": "nodes.n1, nodes.n2, nodes.n3",
    "{opp: relu}": "nodes.n1, nodes.n2, nodes.n3",
    "~": "nodes.n1, nodes.n2, nodes.n3",
    "{op: relu, in: y}": "n1, n2, n3",
}


@pytest.mark.parametrize("node", SLIPS)
def test_one_slip_in_a_hundred_nodes_is_one_message(node: str) -> None:
    text = refusal("nodes:\n" + "\n".join(f"  n{i}: {node}" for i in range(100)))
    assert text.count("error: ") == 1
    assert text.startswith("net.yaml:5:")
    assert text.endswith(f"note: and in 99 other places: {SLIPS[node]}, …")


def test_a_slip_in_three_nodes_is_shown_at_each() -> None:
    text = refusal("nodes:\n" + "\n".join(f"  n{i}: {{op: conv2dd}}" for i in range(3)))
    assert text.count("error: ") == 3
    assert "other places" not in text


def test_the_order_of_the_file_stays_and_programs_read_every_place() -> None:
    found = [Problem(message, path=f"n{i}") for i, message in enumerate("abababca")]
    shown = each_once(found)
    assert [(one.message, one.path) for one in shown] == [
        ("a", "n0"),
        ("b", "n1"),
        ("b", "n3"),
        ("b", "n5"),
        ("c", "n6"),
    ]
    assert shown[0].notes == (("and in 3 other places: n2, n4, n7", None),)
    assert SpecError(*found).problems == tuple(found)
