"""What becomes of a checkpoint: keys that fit, are reshaped, moved, new or gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import archgraph as ag
from archgraph.graph import weights
from archgraph.graph.changed_parts import changed_parts
from archgraph.graph.checkpoint_diff import checkpoint_diff
from archgraph.weights.rename_rules import rename_rules, rules_text
from archgraph.weights.rule_files import read_rules
from archgraph.weights.rules import renamed
from archgraph.weights.tensors import of_array

NODES: dict[str, Any] = {
    "stem": {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1},
    "body": {
        "repeat": 2,
        "nodes": {
            "attend": {"op": "attention2d", "heads": 2},
            "conv": {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1},
        },
    },
    "pool": {"op": "mean", "dim": [2, 3]},
    "fc": {"op": "linear", "out_features": 10},
}


def network(**changed: Any) -> Any:
    nodes = {**NODES, **changed}
    nodes = {name: node for name, node in nodes.items() if node is not None}
    return ag.load({"archgraph": 1, "name": "net", "inputs": {"x": ["N", 3, "H", "W"]}, "nodes": nodes})


WRAPPED = {
    **NODES["body"],
    "nodes": {
        "attend": {"op": "residual_connection", "fn": {"op": "attention2d", "heads": 2}},
        "conv": NODES["body"]["nodes"]["conv"],
    },
}


def test_what_is_reshaped_new_and_gone() -> None:
    other = network(
        fc={"op": "linear", "out_features": 3},
        stem={"op": "conv2d", "out_channels": 8, "kernel_size": 1, "bias": False},
    )
    found = checkpoint_diff(network(), other)
    assert [(one.after, one.shape_before, one.shape_after) for one in found.reshaped] == [
        ("stem.weight", "[8, 3, 3, 3]", "[8, 3, 1, 1]"),
        ("fc.weight", "[10, 8]", "[3, 8]"),
        ("fc.bias", "[10]", "[3]"),
    ]
    assert (found.gone, found.new, found.moved) == ((("stem.bias", "[8]"),), (), ())
    assert len(found.fitting) == len(list(weights(other))) - 3
    assert not checkpoint_diff(network(), network())


def test_keys_that_fit_are_those_that_torch_loads() -> None:
    """The report against `load_state_dict`, which names what is missing, unexpected and of another size."""
    before, after = network(), network(body=WRAPPED, fc={"op": "linear", "out_features": 3})
    found = checkpoint_diff(before, after)
    state = ag.to_torch(before).state_dict()
    module = ag.to_torch(after)
    fits = {key: state[key] for key in found.fitting}
    told = module.load_state_dict(fits, strict=False)
    assert not told.unexpected_keys
    others = {change.after for change in (*found.moved, *found.reshaped)} | {key for key, _ in found.new}
    assert set(told.missing_keys) == others
    moved = {change.after: state[change.before] for change in found.moved}
    assert all(module.state_dict()[key].shape == tensor.shape for key, tensor in moved.items())


def test_what_moved_is_found_and_its_rules_load(tmp_path: Path) -> None:
    """A wrapped module has its weights one level deeper: three keys of each copy, one rule for all."""
    before, after = network(), network(body=WRAPPED)
    renames = checkpoint_diff(before, after).renames
    assert renames["body.0.attend.qkv_proj.weight"] == "body.0.attend.fn.qkv_proj.weight"
    keys = [item.key for item in weights(before)]
    rules = rename_rules(renames, keys)
    assert rules == [("body.#.attend.*", "body.#.attend.fn.*")]
    (tmp_path / "rules.yaml").write_text(rules_text(rules))
    state = ag.to_torch(before).state_dict()
    tensors = {key: of_array(tensor.numpy()) for key, tensor in state.items()}
    made = renamed(read_rules(tmp_path / "rules.yaml"), tensors).tensors
    loaded = {key: torch.from_numpy(tensor.read()) for key, tensor in made.items()}
    ag.to_torch(after).load_state_dict(loaded, strict=True)


def test_rules_touch_no_other_key() -> None:
    """`a.*` would rename `a.c` too, which stays."""
    renames = {"a.b.weight": "x.b.weight", "a.b.bias": "x.b.bias"}
    keys = [*renames, "a.c.weight"]
    assert rename_rules(renames, keys) == [("a.b.*", "x.b.*")]
    assert rename_rules({"a.0.w": "b.0.w"}, ["a.0.w", "a.1.w"]) == [("a.0.*", "b.0.*")]


def test_parts_of_a_picture() -> None:
    stem = {**NODES["stem"], "bias": False}
    found = changed_parts(network(act="relu"), network(stem=stem, final="gelu"))
    assert (found.changed, found.added) == ({"stem"}, {"final"})
    assert [(part.path, part.kind, part.behind) for part in found.removed] == [("act", "relu", "fc")]
