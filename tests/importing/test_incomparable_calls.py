"""Calls of which nobody can say what they compute are no standard blocks, whoever asks."""

from __future__ import annotations

import pytest

import archgraph as ag
from archgraph.graph.types import Call
from archgraph.importing.writing.modules.weight_names import standard_block
from archgraph.importing.writing.numbers.settled_sizes import SettledSizes
from archgraph.importing.writing.standard.block_trials import StandardCall
from archgraph.importing.writing.standard.canonical_form import IncomparableError, body_form
from archgraph.importing.writing.standard.form_numbers import FormNumbers
from archgraph.importing.writing.standard.standard_blocks import _BlockSearch

SPEC = {
    "archgraph": 1,
    "name": "net",
    "inputs": {"x": ["N", 8]},
    "nodes": {"mlp": "twice"},
    "blocks": {
        "twice": {
            "inputs": {"x": ["N", "C"]},
            "nodes": {"fc1": {"op": "linear", "out_features": "=C"}, "again": {"share": "fc1"}},
        }
    },
}


def test_a_call_without_a_form_is_no_standard_block() -> None:
    """Its body applies a layer again."""
    (call,) = (item for item in ag.load(SPEC).items if isinstance(item, Call))
    with pytest.raises(IncomparableError):
        body_form(call.body, FormNumbers())
    search = _BlockSearch(SettledSizes(()))
    made = StandardCall(standard_block("patch_embed"), ("x",), (0,), {}, frozenset())
    assert search.standard(call) is None
    assert search.as_block("patch_embed", call) is None
    assert search.with_arguments(call, made, {}) is None
