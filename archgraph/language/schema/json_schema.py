"""The language as a JSON Schema, with which editors complete keys, explain them and underline what is unknown."""

from __future__ import annotations

from typing import Any

from archgraph.language.schema.models import SpecModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXPLAINED = {
    "archgraph": "The version of the language.",
    "name": "The network's name: a class of the generated code.",
    "about": "What it is, with its paper.",
    "params": "Parameters with default values, or with types: int, int?, [int], [zeros, reflect], node.",
    "presets": "Named sets of parameters, asked for as file.yaml@preset.",
    "inputs": "Inputs with their shapes: numbers, names of symbols, =expressions. A group may name its one input.",
    "stacks": "Stacks: a node pushes by `push`, another takes by `in: stack.pop`.",
    "let": "Values derived from parameters and sizes; unlike parameters they cannot be set.",
    "nodes": "Nodes in the order in which they are computed.",
    "outputs": "What is handed out, by name; the last node's value unless said otherwise.",
    "order": "Paths of children, of one level or more, that come first among the keys of the state dict.",
    "blocks": "Blocks that nodes name by `op`.",
    "use": "Files whose blocks can be named too: paths relative to this one, or shipped networks; or names for them.",
    "preset": "The preset whose values are the defaults of this block.",
    "operations": "Names that mean the operation in this block, though a block around it has them.",
    "extends": "The network (in a block: the block) that this one is, with changes: a path or a shipped name.",
    "set": "Keys of nodes, by the paths of the nodes: layer*.conv1, **.norm, <bottleneck>.bn3; null takes a key away.",
    "replace": "What nodes apply from now on; what they read, their conditions and copies stay.",
    "before": "Nodes that come before others: they read what these read, and are read by them.",
    "after": "Nodes that come after others: they read these, and are read in their place.",
    "wrap": "Blocks that nodes are handed to.",
    "remove": "Paths of nodes that are left out: who reads them reads what they would have read.",
    "assert": "What must hold: expressions, and published numbers of parameters.",
    "meta": "Anything else, with =expressions over the parameters; it travels with the exported file.",
    "shape": "Numbers, names of symbols, =expressions; ... stands for leading dimensions, _ for a size without a name.",
    "dtype": "The element type, float32 unless said otherwise.",
    "when": "A condition: without it the node hands on its main input, and the input is not taken.",
    "where": "What holds of sizes, such as L <= 1024 or H % 16 == 0.",
    "each": "A list, or a number: the input stands for one value for each entry, read as name.0, name.1, ….",
    "as": "What expressions in the shape call the entry of `each`; i is its number.",
    "op": "The operation or block that is applied, or an =expression that names it.",
    "in": "The values that are read: a name, a list of names, or names by port. `prev` is the node before.",
    "else": "The value that the node hands on where `when` is false, in place of its main input.",
    "repeat": "How many copies are chained.",
    "for": "Lists that are walked together, one copy for each entry; binds i, first, last too.",
    "map": "Whether the copies are applied to the same input side by side.",
    "chain": "The inputs that each copy, or step, takes from the outputs of the one before; without it the first.",
    "scan": "The inputs of a block that are read slice by slice, each with its dimension; `chain` names the states.",
    "push": "The stack that its value is pushed onto.",
    "path": "Its path in the module tree, with =expressions in braces; . for no level of its own.",
    "tie": "Weights shared with others: the weight's name, or its path inside a block, and the key of the other one.",
    "share": "The node whose module is applied again.",
    "training": "only: it is computed in training only; its weights are there in both modes.",
}


def json_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of the spec language."""
    schema: dict[str, Any] = _explained(SpecModel.model_json_schema(by_alias=True))
    return {"$schema": DIALECT, "title": "archgraph spec", **schema}


def _explained(schema: Any) -> Any:
    """Pydantic's schema with what the keys mean, and without its generated titles and defaults."""
    if isinstance(schema, list):
        return [_explained(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _explained(value) for key, value in schema.items() if key not in ("title", "default", "properties")}
    if {"type": "null"} in found.get("anyOf", []):
        # The models leave a key out by None; a file leaves it out.
        found["anyOf"].remove({"type": "null"})
    if "properties" in schema:
        found["properties"] = {key: _property(key, value) for key, value in schema["properties"].items()}
    return found


def _property(key: str, schema: Any) -> Any:
    explained = _explained(schema)
    return {"description": EXPLAINED[key], **explained} if key in EXPLAINED else explained
