"""`name:value` without a space after the colon: one problem, under the pair, that shows how it is written."""

from __future__ import annotations

import pytest
from spec_samples import HEAD

from archgraph.errors import ReadError, SchemaError
from archgraph.language.reading.document import from_mapping, read_text
from archgraph.language.schema.validation import validate

CASES = [
    ("nodes:\n  mid:{op: relu}", 4, 3, "mid: {op: relu}"),
    ("nodes:\n  mid:{op: relu}\n  last: relu", 4, 3, "mid: {op: relu}"),
    ("nodes:\n  mid:{op: conv2d, out_channels: 3}", 4, 3, "mid: {op: conv2d, out_channels: 3}"),
    ("nodes: {mid:{op: relu}, last: relu}", 3, 9, "mid: {op: relu}"),
    ("nodes: {mid: {op:relu}}", 3, 15, "op: relu"),
    ("nodes: {mid: {op: add, in:[a, [b]], value: 3}}", 3, 24, "in: [a, [b]]"),
    ("nodes:\n  mid:\n    op: add\n    in:[a, x]", 6, 5, "in: [a, x]"),
    ("nodes:\n  mid:relu\n  last: relu", 4, 3, "mid: relu"),
    ("nodes:\n  first: relu\n  mid:relu\n  last: relu", 5, 3, "mid: relu"),
    ("nodes: {mid: {op: conv2d, out_channels:64, kernel_size: 3}}", 3, 27, "out_channels: 64"),
    ("nodes: {mid: {op: conv2d, out_channels:=64}}", 3, 27, "out_channels: =64"),
    ("presets: {a:{}}", 3, 11, "a: {}"),
    ("nodes:{mid: relu}", 3, 1, "nodes: {mid: relu}"),
    ("name:'net': 3", 3, 1, "name: 'net': 3"),
]


@pytest.mark.parametrize(("text", "line", "column", "written"), CASES, ids=[text for text, *_ in CASES])
def test_the_one_problem_shows_how_the_pair_is_written(text: str, line: int, column: int, written: str) -> None:
    with pytest.raises(ReadError) as caught:
        read_text(HEAD + text)
    (problem,) = caught.value.problems
    assert problem.where is not None
    assert (problem.where.line, problem.where.column) == (line, column)
    assert problem.hint == f"a space is missing after the colon: {written}"


@pytest.mark.parametrize("data", [{"nodes": "mid:relu"}, {"nodes": {"mid": {"op:relu": None}}}])
def test_a_mapping_of_python_gets_the_same_hint(data: dict[str, object]) -> None:
    with pytest.raises(SchemaError, match=r"hint: a space is missing after the colon: (mid|op): relu"):
        validate(from_mapping({"archgraph": 1, "name": "net", **data}))


def test_keys_that_mean_nothing_to_the_language_may_hold_colons() -> None:
    data = read_text(HEAD + "meta: {a:b: 1, http://x: 2}\nnodes: {'a:b': relu}").data
    assert data["meta"] == {"a:b": 1, "http://x": 2}
    assert data["nodes"] == {"a:b": "relu"}
