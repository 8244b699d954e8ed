"""Formats that keep codes in the place of numbers, recognised by their keys so that they are refused by name."""

from __future__ import annotations

import re
from collections.abc import Collection

from archgraph.weights.element_types import FLOAT8
from archgraph.weights.tensors import Tensors

_SIGNS: tuple[tuple[str, str], ...] = (
    (r"\.quant_state\.bitsandbytes__|\.absmax$|\.quant_map$", "bitsandbytes, 4 bits"),
    (r"\.SCB$|\.weight_format$", "bitsandbytes, 8 bits"),
    (r"\.g_idx$", "GPTQ"),
    (r"\.qweight$|\.qzeros$", "AWQ or GPTQ"),
    (r"\.weight_packed$", "compressed-tensors"),
    (r"\._packed_params", "torch's own quantisation"),
    (r"\._data\._data$|\._scale$", "quanto"),
)
_SCALES = re.compile(r"(^|\.)(weight_scale(_inv)?|scale_weight|input_scale|scale_input|scaled_fp8)$")


def quantised_as(tensors: Tensors, strange: Collection[str]) -> str:
    """The format of quantised weights, by those of their keys that a network does not know; '' for numbers."""
    for sign, name in _SIGNS:
        if any(re.search(sign, key) for key in strange):
            return name
    scaled = any(_SCALES.search(key) for key in strange)
    return "float8 with scales" if scaled and any(tensor.dtype in FLOAT8 for tensor in tensors.values()) else ""
