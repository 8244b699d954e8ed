"""Steps that put the channels of images last or first are called after what they make of them."""

from __future__ import annotations

import re
from collections.abc import Collection

from archgraph.graph.types import Item, Node

_TRACED = re.compile(r"permute[\d_]*\Z")
"""What tracing calls such a step: its author has no name for it."""
_IMAGE, _VOLUME = 4, 5
_OF_VOLUMES = ("conv", "max_pool", "avg_pool", "batch_norm", "layer_norm")
"""How the names of operations on volumes begin: five dimensions are more often heads than depths."""
_OF_ATTENTION = frozenset({"matmul", "softmax", "scaled_dot_product_attention"})
"""What reads or makes values with a dimension of heads, which are no images."""


def layout_word(made: Item, around: Collection[str]) -> str:
    """`channels_last` or `channels_first` for a permutation of the dimensions of images or volumes that does only that;
    '' for others. `around` are the operations that read it and make what it reads."""
    if not isinstance(made, Node) or made.op.name != "permute" or not _TRACED.match(made.name.rpartition(".")[2]):
        return ""
    dims = tuple(made.op.dims)  # type: ignore[attr-defined]
    if len(dims) not in (_IMAGE, _VOLUME) or not _OF_ATTENTION.isdisjoint(around):
        return ""
    if len(dims) == _VOLUME and not any(name.startswith(_OF_VOLUMES) for name in around):
        return ""
    places = range(1, len(dims))
    last, first = (0, *places[1:], 1), (0, places[-1], *places[:-1])
    return "channels_last" if dims == last else "channels_first" if dims == first else ""
