"""What networks read, hand out and are made of under the names that the models of the collection have for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph.graph.types import Graph
from archgraph.importing.writing.handed_out import with_values

IMAGE, LOGITS = "image", "logits"
_SAY_NOTHING = frozenset({"x", "X", "input", "inputs"})
_CLASSES = ("num_classes", "n_classes", "nb_classes", "classes", "num_labels")
_COLOURS = 3
CLASSES, IMAGE_SIZE = "classes", "image_size"
_OF_AUTHORS: Mapping[str, str] = {**dict.fromkeys(_CLASSES[:3], CLASSES), "drop_path_rate": "drop_path"}
"""What authors call what one name stands for in all models of the collection."""
_OF_IMAGES: Mapping[str, str] = {"img_size": IMAGE_SIZE, "dims": "channels"}
"""The same of networks that read images."""


def with_usual_names(graph: Graph, arguments: Mapping[str, Any], named: bool) -> Graph:
    """The graph whose only input is the `image`, where it is one of three colours and only called x, and whose only
    output is the `logits`, where it is one number for each class; `arguments` are those of the network's constructor.

    Where the inputs are `named` by the user, they keep these names.
    """
    if not named and len(graph.inputs) == 1:
        graph = _with_image(graph)
    outputs = list(graph.outputs.items())
    if len(outputs) != 1 or outputs[0][0] or graph.training_outputs:
        return graph
    shape = outputs[0][1].shape
    classes = next((arguments[name] for name in _CLASSES if name in arguments), None)
    if len(shape) != len("NC") or type(classes) is not int or shape[1] != classes:
        return graph
    return replace(graph, outputs={LOGITS: outputs[0][1]})


def _with_image(graph: Graph) -> Graph:
    (value,) = graph.inputs
    colours = value.shape[1] if len(value.shape) == len("NCHW") else 0
    if value.name not in _SAY_NOTHING or colours != _COLOURS or value.dtype != "float32":
        return graph
    return with_values(graph, {id(value): replace(value, name=IMAGE)})


def with_usual_parameters(arguments: Sequence[Mapping[str, Any]], graph: Graph) -> list[Mapping[str, Any]]:
    """The arguments of the constructors of some networks under the names of the collection; `graph` is one of them."""
    names = {name for given in arguments for name in given}
    return [{usual_parameter(name, names, graph): value for name, value in given.items()} for given in arguments]


def usual_parameter(name: str, names: Collection[str], graph: Graph) -> str:
    """What an argument of a network is called as a parameter of its spec; `names` are those of all its arguments, none
    of which is hidden."""
    known = {**_OF_AUTHORS, **_OF_IMAGES} if any(value.name == IMAGE for value in graph.inputs) else _OF_AUTHORS
    usual = known.get(name, name)
    hidden = usual in names or any(one != name and known.get(one) == usual for one in names)
    return name if hidden else usual
