"""Blocks that are applied alike are elaborated once, and nobody can tell: addresses, places, problems, limits."""

from __future__ import annotations

from typing import Any

import pytest
from spec_samples import addresses, calls, described, keys, messages, net, node, refusal

from archgraph.graph import walk, weights
from archgraph.graph.builder import Builder
from archgraph.language.elaboration import block_cache
from archgraph.language.elaboration.block_cache import BlockCache
from archgraph.language.load import load

UNIT = """
blocks:
  unit:
    params: {planes: int}
    inputs: {y: [N, C, H, W]}
    nodes: {a: {op: conv2d, out_channels: =planes, kernel_size: 3, padding: 1}, b: relu, c: {op: add, in: [b, y]}}
"""


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the operations that are inferred, and not copied."""
    found: list[str] = []
    real = Builder.apply

    def counted(self: Builder, *given: Any, **named: Any) -> Any:
        found.append(named["origin"].address)
        return real(self, *given, **named)

    monkeypatch.setattr(Builder, "apply", counted)
    return found


@pytest.mark.parametrize("name", ["ddpm@cifar10", "attention_unet", "resnet50", "vit_b_16", "sd15", "densenet121"])
def test_a_network_is_the_same_with_and_without_copying(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = list(described(load(name)))
    monkeypatch.setattr(BlockCache, "find", lambda *given: None)
    assert copied == list(described(load(name)))


def test_equal_uses_are_elaborated_once(applied: list[str]) -> None:
    graph = net("nodes:\n" + "".join(f"  u{i}: {{op: unit, planes: 4}}\n" for i in range(30)) + UNIT)
    assert applied == ["u0.a", "u0.b", "u0.c"]
    assert addresses(graph) == [f"u{i}.{part}" for i in range(30) for part in "abc"]
    assert keys(graph)[-2:] == ["u29.a.weight", "u29.a.bias"]
    values = [value for placed in walk(graph) for value in placed.node.outputs]
    assert len({id(value) for value in values}) == len({id(placed.node) for placed in walk(graph)}) == 90
    assert {value.origin.address for value in values} == set(addresses(graph))


def test_copies_of_a_repetition_are_elaborated_once(applied: list[str]) -> None:
    graph = net("nodes: {u: {op: unit, planes: 4, repeat: 5}}" + UNIT)
    assert applied == ["u.0.a", "u.0.b", "u.0.c"]
    assert list(calls(graph)) == ["u", *(f"u.{i}" for i in range(5))]


@pytest.mark.parametrize(("first", "second"), [("1", "true"), ("1", "1.0"), ("[1]", "[true]"), ("0.0", "-0.0")])
def test_values_that_only_compare_equal_are_told_apart(first: str, second: str, applied: list[str]) -> None:
    block = "blocks: {b: {params: {v: =C}, inputs: {y: [N, C, H, W]}, nodes: {a: relu}}}"
    graph = net(f"nodes: {{m: {{op: b, v: {first}}}, n: {{op: b, v: {second}}}}}\n{block}")
    assert applied == ["m.a", "n.a"]
    assert repr(calls(graph)["m"].arguments) != repr(calls(graph)["n"].arguments)


def test_other_types_and_other_inputs_are_told_apart(applied: list[str]) -> None:
    block = "blocks: {b: {inputs: {y: [...], z: {shape: [...], when: false}}, nodes: {a: relu}}}"
    net(f"nodes: {{m: b, n: {{op: sum, dim: 1}}, o: b, p: b}}\n{block}")
    assert applied == ["m.a", "n", "o.a"]


def test_a_node_handed_in_is_the_same_with_the_same_names_around_it() -> None:
    block = "blocks: {b: {params: {fn: node}, inputs: {y: [...]}, nodes: {f: =fn}}}"
    handed = "{op: leaky_relu, negative_slope: =s}"
    graph = net(
        "params: {s: 0.5}\nnodes:\n  m: {op: b, fn: relu}\n  n: {op: b, fn: silu}\n"
        f"  o: {{op: b, fn: {handed}}}\n"
        f"  p: {{op: b, for: {{t: [0.25, 0.125]}}, fn: {handed.replace('=s', '=t')}}}\n{block}"
    )
    ops = [placed.node.op for placed in walk(graph)]
    assert [op.name for op in ops] == ["relu", "silu", *["leaky_relu"] * 3]
    assert [getattr(op, "negative_slope", None) for op in ops] == [None, None, 0.5, 0.25, 0.125]


def test_a_block_around_a_node_handed_in_is_elaborated_once(applied: list[str]) -> None:
    blocks = (
        "blocks:\n  b: {params: {fn: node}, inputs: {y: [...]}, nodes: {f: =fn}}\n"
        "  c: {inputs: {y: [...]}, nodes: {d: {op: b, fn: relu}, e: {op: b, fn: silu}}}\n"
    )
    net(f"nodes: {{m: {{op: c, repeat: 3}}}}\n{blocks}")
    assert applied == ["m.0.d.f", "m.0.e.f"]


def test_ties_lead_to_the_copy_that_they_stand_in() -> None:
    block = (
        "blocks: {b: {inputs: {y: [N, 4]}, nodes: {a: {op: linear, out_features: 4, bias: false}, "
        "c: {op: linear, out_features: 4, bias: false, tie: {weight: a.weight}}}}}"
    )
    graph = net(f"inputs: {{x: [N, 4]}}\nnodes: {{m: b, n: b}}\n{block}")
    assert [(item.key, item.tied) for item in weights(graph) if item.tied] == [
        ("m.c.weight", "m.a.weight"),
        ("n.c.weight", "n.a.weight"),
    ]


def test_modules_applied_again_lie_in_the_same_copy() -> None:
    block = (
        "blocks: {b: {inputs: {y: [N, 4]}, nodes: {a: {op: linear, out_features: 4}, c: {share: a}, "
        "g: {nodes: {d: {op: linear, out_features: 4}, e: {share: d}}}}}}"
    )
    graph = net(f"inputs: {{x: [N, 4]}}\nnodes: {{m: b, n: b}}\n{block}")
    for name in "mn":
        assert node(graph, f"{name}.c").shares is node(graph, f"{name}.a")
        assert node(graph, f"{name}.g.e").shares is node(graph, f"{name}.g.d")


def test_a_problem_of_all_uses_is_one_under_its_line() -> None:
    block = "blocks: {b: {inputs: {y: [N, C, H, W]}, nodes: {a: {op: linear, out_features: =C, weight: 1}}}}"
    said = refusal(f"nodes: {{m: b, n: b, o: b}}\n{block}")
    assert said.count("error: ") == 1
    assert "net.yaml:5:83: error: m.a: linear has no parameter 'weight'" in said


def test_a_warning_of_all_uses_names_them() -> None:
    block = "blocks: {b: {inputs: {y: [...]}, nodes: {a: relu, c: {op: silu, in: y}}}}"
    (warning,) = net(f"nodes: {{m: b, n: b, o: b}}\n{block}").warnings
    assert (warning.message, warning.path, str(warning.where)) == ("nobody reads 'a'", "m.a", "net.yaml:5:42")
    assert warning.notes[-1] == ("and 2 more: n.a, o.a", None)


def test_paths_that_clash_in_a_copy_stand_under_the_path() -> None:
    block = "blocks: {b: {inputs: {y: [...]}, nodes: {a: {op: linear, out_features: 4, path: p}}}}"
    said = refusal(f"inputs: {{x: [N, 4]}}\nnodes: {{m: b, n: {{op: b, path: .}}, o: {{op: b, path: .}}}}\n{block}")
    assert said.startswith("net.yaml:5:81: error: o.a: the path 'p' is used twice")


def test_ten_copied_nodes_count_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repetition, its copies, three nodes that are elaborated, and 0.3 for those of each other copy."""
    monkeypatch.setattr("archgraph.language.expressions.budget.MAX_NODES", 20)
    assert messages("nodes: {u: {op: unit, planes: 4, repeat: 12}}" + UNIT) == []
    said = refusal("nodes: {u: {op: unit, planes: 4, repeat: 13}}" + UNIT)
    assert said.startswith("net.yaml:4:9: error: u.12: the network has more than 20 nodes")


def test_a_copy_does_not_pass_the_limit_of_depth() -> None:
    """What was met in the open stands too deep below many others."""
    blocks = "".join(f"  b{i}: {{inputs: {{y: [...]}}, nodes: {{a: b{i + 1}}}}}\n" for i in range(40))
    text = "\nblocks:\n" + blocks + "  b40: {inputs: {y: [...]}, nodes: {a: relu}}\n"
    assert messages("nodes: {u: b20, v: b9}" + text) == []
    assert messages("nodes: {u: b20, v: b5}" + text) == ["blocks are nested too deeply: 'b37' stands inside 32 others"]


def test_bodies_of_standard_blocks_are_kept_for_the_next_network(applied: list[str]) -> None:
    text = "nodes: {p: {op: PLACE, in: x}, e: {op: squeeze_excitation, squeeze_channels: 3, repeat: 2}}"
    first = [*described(net(text.replace("PLACE", "relu")))]
    del applied[:]
    second = [*described(net(text.replace("PLACE", "silu")))]
    assert applied == ["p"]
    block_cache._KEPT.clear()
    assert second == [*described(net(text.replace("PLACE", "silu")))] != first


def test_what_a_kept_body_requires_is_required_of_the_next_network(applied: list[str]) -> None:
    """Of other sizes, and under other names: the causes stand where the next network has the block."""
    text = "inputs: {x: [N, H, W, 4]}\nnodes: {NAME: {op: window_partition, window: 7}}"
    first = net(text.replace("NAME", "one"))
    del applied[:]
    second = net(text.replace("NAME", "other"))
    assert applied == []
    causes = [cause.path for rule in second.constraints for cause in rule.causes]
    assert causes == [cause.path.replace("one", "other") for rule in first.constraints for cause in rule.causes] != []
    block_cache._KEPT.clear()
    assert [*described(second)] == [*described(net(text.replace("NAME", "other")))]


def test_a_kept_body_that_does_not_fit_is_elaborated_and_refused() -> None:
    text = "inputs: {x: {shape: [N, H, W, 4], where: WHERE}}\nnodes: {a: {op: window_partition, window: 7}}"
    net(text.replace("WHERE", "H >= 1"))
    warm = refusal(text.replace("WHERE", "H < 7"))
    block_cache._KEPT.clear()
    assert warm == refusal(text.replace("WHERE", "H < 7"))
    assert "a." in warm


def test_kept_bodies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    block_cache._KEPT.clear()
    monkeypatch.setattr(block_cache, "MOST_KEPT_NODES", 20)
    for channels in range(1, 6):
        net(f"inputs: {{x: [N, {channels}, H, W]}}\nnodes: {{a: squeeze_excitation}}")
    assert [body.use.types[0].shape[1] for body in block_cache._KEPT] == [3, 4, 5]
