"""Layer norms over the channels of images, between two permutations, as the standard block that they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archgraph.importing.writing.plain_data.written_nodes import read_names, with_node_names
from archgraph.language.library import block_file, read_spec
from archgraph.ops.contract import lookup

_NORM, _OF_IMAGES = "layer_norm", "layer_norm2d"
_LAST, _FIRST = [0, 2, 3, 1], [0, 3, 1, 2]


def with_norms_of_images(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The plain data of a spec with a single node in place of each three that only such a norm needs."""
    made = {**spec, "nodes": _written(spec["nodes"], spec)}
    if "blocks" in made:
        made["blocks"] = {
            name: {**block, "nodes": _written(block["nodes"], block)} for name, block in made["blocks"].items()
        }
    return made


def _written(nodes: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """The nodes of a group or of a `body`, which may hand out more than its last value."""
    inside = {
        name: {**node, "nodes": _written(node["nodes"], node)}
        if isinstance(node, Mapping) and "nodes" in node
        else node
        for name, node in nodes.items()
    }
    names = list(inside)
    for first, norm, last in zip(names, names[1:], names[2:], strict=False):
        made = _norm_of_images(inside[first], inside[norm], inside[last])
        read = read_names({"": {"nodes": inside, "outputs": body.get("outputs")}})
        handed = read_names({"": {"outputs": body.get("outputs")}})
        if made is not None and read.isdisjoint((first, norm)) and last not in handed:
            kept = {name: made if name == norm else node for name, node in inside.items() if name not in (first, last)}
            later = {f"{name}_{number}" for name in (first, last) for number in range(2, len(names))}
            again = {name: name.rpartition("_")[0] for name in names if name in later}
            return _written(with_node_names(kept, {last: norm, **again}), body)
    return inside


def _norm_of_images(first: Any, norm: Any, last: Any) -> dict[str, Any] | str | None:
    """The node that three nodes in a row are; None where they are something else or stand under a condition."""
    plain = {"op": norm} if isinstance(norm, str) else norm
    if not all(isinstance(one, Mapping) for one in (first, plain, last)):
        return None
    turned = first.get("op") == last.get("op") == "permute" and (first.get("dims"), last.get("dims")) == (_LAST, _FIRST)
    if not turned or plain.get("op") != _NORM or first.keys() > {"op", "in", "dims"} or last.keys() != {"op", "dims"}:
        return None
    if not plain.keys() <= {"op", "eps", "path"}:
        return None
    eps = plain.get("eps", lookup(_NORM).model_fields["eps"].default)
    given = {} if eps == read_spec(block_file(_OF_IMAGES)).block.params["eps"].default else {"eps": eps}
    read = {"in": first["in"]} if "in" in first else {}
    made = {"op": _OF_IMAGES, **read, **given, **({"path": plain["path"]} if "path" in plain else {})}
    return made if len(made) > 1 else _OF_IMAGES
