"""Nothing that a terminal acts on reaches it from a message."""

from __future__ import annotations

import json

import pytest

from archgraph.errors import Mark, Problem, SpecError, escaped_json, nearest, visible

ODD = "\x1b[31m|\x9b2J|\u202e|\u200b|\u2066|\r|\x07|\ufeff"
SHOWN = r"\x1b[31m|\x9b2J|\u202e|\u200b|\u2066|\r|\x07|\ufeff"


def test_every_part_of_a_message_is_escaped() -> None:
    mark = Mark(f"f{ODD}.yaml", 3, 2, f"a{ODD}b", len(ODD))
    problem = Problem(ODD, mark, ODD, ODD, ODD, ODD, ((ODD, mark),), "warning")
    for said in (str(problem), str(SpecError(problem))):
        assert visible(said) == said
        assert said.count(SHOWN) == 9
        assert "^" * len(SHOWN) in said


def test_a_name_cannot_forge_a_message_of_its_own() -> None:
    assert str(Problem("no 'a\nnet.yaml:1:1: error: b'")) == "error: no 'a\n    net.yaml:1:1: error: b'"


def test_a_document_means_the_same_when_it_is_escaped() -> None:
    document = escaped_json(json.dumps({"name": ODD}, ensure_ascii=False))
    assert visible(document) == document
    assert json.loads(document) == {"name": ODD}


def test_messages_are_bounded() -> None:
    said = str(SpecError(*(Problem(f"{i}" + "x" * 100_000, None, f"node{i}") for i in range(9_000))))
    assert said.endswith("\nand 8,900 more problems")
    assert len(said) < 450_000


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("liner", ["linear", "slice"], "did you mean 'linear'?"),
        ("kernal_size", ["kernel_size"], "did you mean 'kernel_size'?"),
        ("ReLU", ["relu"], "did you mean 'relu'?"),
        ("cast", ["concat", "constant"], ""),
        ("sin", ["silu", "slice"], ""),
    ],
)
def test_a_hint_is_for_a_slip_of_the_hand(name: str, known: list[str], hint: str) -> None:
    assert nearest(name, known) == hint
