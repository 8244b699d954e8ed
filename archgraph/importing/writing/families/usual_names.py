"""What networks for images read and hand out under the names that everybody knows, where their forward says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archgraph.graph.types import Graph
from archgraph.importing.writing.rewriting.handed_out import with_values

IMAGE, LOGITS = "image", "logits"
_SAY_NOTHING = frozenset({"x", "X", "input", "inputs"})
CLASSES = ("num_classes", "n_classes", "nb_classes", "classes", "num_labels")
"""What authors call the number of classes."""
IMAGE_SIZES = ("img_size", "image_size", "input_size", "input_resolution")
"""What authors call the size of the images that a network is made for."""
_COLOURS = 3


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
    classes = next((arguments[name] for name in CLASSES if name in arguments), None)
    if len(shape) != len("NC") or type(classes) is not int or shape[1] != classes:
        return graph
    return replace(graph, outputs={LOGITS: outputs[0][1]})


def _with_image(graph: Graph) -> Graph:
    (value,) = graph.inputs
    colours = value.shape[1] if len(value.shape) == len("NCHW") else 0
    if value.name not in _SAY_NOTHING or colours != _COLOURS or value.dtype != "float32":
        return graph
    return with_values(graph, {id(value): replace(value, name=IMAGE)})
