"""Each key of a node is admitted, explained, taken into the spec, and acts; and is refused where it cannot act."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from archgraph.errors import ArchgraphError
from archgraph.graph import Graph, graph_text, weights
from archgraph.language.load import check
from archgraph.language.reading.document import from_mapping
from archgraph.language.schema.json_schema import EXPLAINED
from archgraph.language.schema.models import NodeModel
from archgraph.language.schema.names import NODE_KEYS
from archgraph.language.schema.spec import NodeSpec
from archgraph.language.schema.validation import validate

Keys = dict[str, Any]
LINEAR: Keys = {"op": "linear", "out_features": 8}
GROUP: Keys = {"nodes": {"p": LINEAR, "q": LINEAR}}
WIDE: Keys = {"nodes": {"p": {"op": "linear", "out_features": "=width"}}}
SAMPLES: dict[str, tuple[Keys, Keys]] = {
    "op": (LINEAR, {"op": "relu"}),
    "in": (LINEAR, {**LINEAR, "in": "x"}),
    "when": (LINEAR, {**LINEAR, "when": False}),
    "else": ({**LINEAR, "when": False}, {**LINEAR, "when": False, "else": "x"}),
    "repeat": (LINEAR, {**LINEAR, "repeat": 2}),
    "for": (LINEAR, {**LINEAR, "for": {"w": [1, 2]}}),
    "map": ({**LINEAR, "repeat": 2}, {**LINEAR, "repeat": 2, "map": True}),
    "chain": ({**LINEAR, "repeat": 2}, {**LINEAR, "repeat": 2, "chain": ["input"]}),
    "scan": (LINEAR, {**LINEAR, "scan": {"input": 0}}),
    "path": (LINEAR, {**LINEAR, "path": "elsewhere"}),
    "let": ({**LINEAR, "out_features": "=width"}, {**LINEAR, "out_features": "=width", "let": {"width": 4}}),
    "inputs": (WIDE, {**WIDE, "inputs": {"y": ["N", "width"]}}),
    "nodes": (LINEAR, GROUP),
    "outputs": (GROUP, {**GROUP, "outputs": "p"}),
    "order": (GROUP, {**GROUP, "order": ["q", "p"]}),
    "tie": (LINEAR, {**LINEAR, "tie": {"weight": "a.weight"}}),
    "share": (LINEAR, {"share": "a"}),
    "training": (LINEAR, {**LINEAR, "training": "only"}),
}
"""A node without the key, and with it."""
STACKED: dict[str, Keys] = {
    "push": {"c": {**LINEAR, "push": "s"}, "d": {"op": "add", "in": ["c", "s.pop"]}},
    "stacks": {"c": {"nodes": {"p": {**LINEAR, "push": "t"}, "q": {"op": "relu", "in": "t.pop"}}, "stacks": ["t"]}},
}
"""Networks that are wrong without the key."""
ACTS = "archgraph/language/elaboration, where it acts"


def net(nodes: Keys, **keys: Any) -> Keys:
    return {"archgraph": 1, "name": "net", "inputs": {"x": ["N", 8]}, "nodes": nodes, **keys}


def meaning(nodes: Keys) -> str:
    """The text of the network and its keys, or that it is none."""
    try:
        (graph,) = check(net({"a": LINEAR, "b": LINEAR, **nodes}))
    except ArchgraphError as error:
        return str(error)
    assert isinstance(graph, Graph)
    return "\n".join([graph_text(graph), *(item.key for item in weights(graph))])


def without(nodes: Keys, key: str) -> Keys:
    """The same nodes without a key, at every depth."""
    return {
        name: without(value, key) if isinstance(value, dict) else value for name, value in nodes.items() if name != key
    }


def test_every_key_has_its_samples() -> None:
    assert set(SAMPLES) | set(STACKED) == set(NODE_KEYS), "write the new key into SAMPLES"


def test_the_keys_are_those_of_the_model() -> None:
    admitted = {field.alias or name for name, field in NodeModel.model_fields.items()}
    message = "archgraph/language/schema/models.py: NodeModel, archgraph/language/schema/names.py: NODE_KEYS"
    assert admitted == set(NODE_KEYS), message


@pytest.mark.parametrize("key", NODE_KEYS)
def test_a_key_is_explained_to_editors(key: str) -> None:
    assert EXPLAINED.get(key), "archgraph/language/schema/json_schema.py: EXPLAINED"


@pytest.mark.parametrize("key", SAMPLES)
def test_a_key_reaches_the_spec(key: str) -> None:
    def node(keys: Keys) -> NodeSpec:
        return validate(from_mapping(net({"c": keys}))).block.body.nodes[0]

    plain, keyed = map(node, SAMPLES[key])
    differing = [item.name for item in fields(NodeSpec) if getattr(plain, item.name) != getattr(keyed, item.name)]
    assert differing, "archgraph/language/schema/spec.py: NodeSpec and _node"


@pytest.mark.parametrize("key", SAMPLES)
def test_a_key_acts(key: str) -> None:
    plain, keyed = SAMPLES[key]
    assert meaning({"c": plain}) != meaning({"c": keyed}), ACTS


@pytest.mark.parametrize("key", STACKED)
def test_a_key_of_stacks_acts(key: str) -> None:
    stacks = {} if key == "stacks" else {"stacks": ["s"]}
    (graph,) = check(net(STACKED[key], **stacks))
    assert graph.outputs
    with pytest.raises(ArchgraphError):
        check(net(without(STACKED[key], key), **stacks))


@pytest.mark.parametrize("key", [key for key in NODE_KEYS if key != "op"])
def test_a_node_that_is_handed_in_has_no_key_but_op(key: str) -> None:
    """A key that stood there would be ignored in silence: archgraph/language/elaboration/arguments.py."""
    value = (SAMPLES.get(key) or (None, {"push": "s", "stacks": ["s"]}))[1].get(key)
    block = {"params": {"fn": "node"}, "inputs": {"x": ["N", 8]}, "nodes": {"y": {"op": "=fn"}}}
    handed = {**LINEAR, key: value}
    with pytest.raises(ArchgraphError, match=rf"handed in|'{key}' goes with|has op and {key}|one of 'op'"):
        check(net({"c": {"op": "apply", "fn": handed}}, blocks={"apply": block}))
