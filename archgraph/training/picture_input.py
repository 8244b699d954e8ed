"""The one input of a network that reads pictures, and how pictures are prepared for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archgraph.errors import TrainingError
from archgraph.graph.types import Graph, Value
from archgraph.training.compatibility import Extent, require_kind, require_size
from archgraph.training.images import PixelRange, Prepare, for_classification, prepared_shape
from archgraph.training.task_definition import only, usual_sizes

STATISTICS = {1: "mean: [0.5], std: [0.5]", 3: "mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]"}
"""What `preprocess` may hold, by the number of channels."""


@dataclass(frozen=True, slots=True)
class PreparedPictures:
    """How pictures are made the input of a network, at which sizes of its symbols, and what a run's spec says of it."""

    prepare: Prepare
    pixel_range: PixelRange
    symbols: Mapping[str, int]
    meta: Mapping[str, Any]


def picture_input(graph: Graph) -> Value:
    """The only input. Raises TrainingError where it takes no pictures."""
    image = only(graph, graph.inputs, "one picture in")
    require_kind(graph, image, ("float32",), "pictures")
    if len(image.shape) != 4 or (isinstance(image.shape[1], int) and image.shape[1] not in STATISTICS):
        raise TrainingError(
            f"{graph.title} does not take pictures, from which alone it could learn",
            expected="[N, 1 or 3, H, W]",
            received=f"{image.name} {image.type}",
        )
    return image


def prepared_pictures(graph: Graph, image: Value, preprocess: Mapping[str, Any], source: str) -> PreparedPictures:
    """Pictures by `preprocess`, whose size `source` declares. Raises TrainingError where they do not fit the input."""
    prepare, pixel_range = for_classification({"preprocess": preprocess}, None)
    channels, height, width = prepared_shape(prepare)
    _require_channels(graph, image, channels)
    symbols = require_size(graph, image, Extent(height, width, source))
    return PreparedPictures(prepare, pixel_range, symbols, {**usual_sizes(graph, symbols), "preprocess": preprocess})


def _require_channels(graph: Graph, image: Value, channels: int) -> None:
    """Raises TrainingError for an input of other channels than `meta.preprocess` makes."""
    wanted = image.shape[1]
    if wanted != channels:
        raise TrainingError(
            f"{graph.title} does not take the pictures that its `meta.preprocess` makes",
            expected=f"[N, {channels}, H, W]",
            received=str(image.type),
            hint=f"mean and std have one number per channel: meta: {{preprocess: {{{STATISTICS[wanted]}}}}}"
            if isinstance(wanted, int)
            else "give the number of channels in the shape of the input",
        )
