"""Damaged specs and mappings of any shape raise nothing but our own errors."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from schema_messages import DDPM

from archgraph.errors import ArchgraphError
from archgraph.language.reading.document import from_mapping, read_text
from archgraph.language.schema.validation import validate

PIECES = [
    "=",
    ": ",
    " ",
    "\n  ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "- ",
    "#",
    "~",
    "0",
    "1e9",
    "true",
    ".",
    "'",
    "=x + 1",
    "é",
    "in",
]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_damaged_specs_raise_nothing_but_our_errors(seed: int) -> None:
    chance = random.Random(seed)
    text = DDPM
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(PIECES) + text[at + chance.randint(0, 6) :]
    try:
        validate(read_text(text))
    except ArchgraphError as error:
        str(error)


words = st.sampled_from(
    ["op", "nodes", "in", "when", "for", "params", "presets", "inputs", "shape", "assert", "x", "0", "let"]
)


trees: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 9)
    | st.sampled_from(["", "relu", "=x", "=1 +", "int", "x.0", "...", "N", "{i}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)


keys = st.sampled_from(
    ["params", "presets", "inputs", "stacks", "let", "nodes", "outputs", "order", "blocks", "use", "assert"]
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(keys, trees, max_size=4))
def test_mappings_of_any_shape_raise_nothing_but_our_errors(data: dict[str, Any]) -> None:
    try:
        validate(from_mapping({"archgraph": 1, "name": "m", **data}))
    except ArchgraphError as error:
        str(error)
