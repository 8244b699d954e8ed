"""Wrong values of all kinds as arguments of every operation: it is applied, or refused with an error of archgraph's."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from archgraph.errors import ArchgraphError, SchemaError, ShapeError
from archgraph.language.load import load
from archgraph.ops import REGISTRY
from archgraph.ops.contract import Example, Operation, TensorType

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 10**6, 2**31 - 1, 2**62, 0.0, -0.0, 0.5, -1.5, 1e-300, 1e300, float("inf")),
    *("", " ", "x", "same", "zeros", "nearest", "float32", "int64", "3", "3x3", "=", "=H", "=-H", "=N * H", "=H // 2"),
    *("=[H]", "=[1, H]", "=H / 2", "=unknown", "=1 / 0", "=[]", "=not 1", "=2 ** 62", "=min(H, 2)", "=null", "é\u202e"),
    *(
        [],
        [1],
        [0],
        [-1],
        [1, 2],
        [2, 2, 2],
        [1.5],
        ["a"],
        [None],
        [True],
        [[1]],
        [1, "=H"],
        [-1, -1],
        [2**62],
        [0] * 99,
    ),
    *({}, {"op": "relu"}, {"a": 1}, {"in": "x"}, {1: 2}),
)
TRIED = 6
"""How many wrong values each operation gets under one seed."""


def network(kind: type[Operation], arguments: dict[str, Any], symbolic: bool) -> dict[str, Any]:
    """The operation's first example with some arguments, over sizes that are numbers or symbols."""
    example = kind.examples[0] if kind.examples else Example({}, {"input": TensorType((4,))})
    inputs: dict[str, Any] = {"x": ["N", 3, "H"]}
    ports: dict[str, Any] = {}
    for name, given in example.inputs.items():
        key = name.replace(".", "_")
        inputs[key] = {"shape": ["N", *given.shape[1:-1], "H"] if symbolic else list(given.shape), "dtype": given.dtype}
        port, _, number = name.partition(".")
        ports[port] = [*ports.get(port, []), key] if number else key
    written = {key: _as_lists(value) for key, value in example.attributes.items()}
    node = {"op": kind.name, **({"in": ports} if ports else {}), **written, **arguments}
    return {
        "archgraph": 1,
        "name": "net",
        "inputs": inputs,
        "nodes": {"rectified": {"op": "relu", "in": "x"}, "it": node},
    }


def _as_lists(value: Any) -> Any:
    return list(map(_as_lists, value)) if isinstance(value, tuple) else value


def wrong(rng: Random, kind: type[Operation]) -> dict[str, Any]:
    """One or two arguments, now and then one that the operation does not have."""
    names = [*kind.model_fields, *(["dim", "weight"] if rng.random() < 0.1 or not kind.model_fields else [])]
    return {rng.choice(names): rng.choice(VALUES) for _ in range(rng.choice((1, 1, 2)))}


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_wrong_arguments_are_refused_by_errors_of_ours(name: str) -> None:
    rng = Random(name)
    for _ in range(TRIED):
        arguments, symbolic = wrong(rng, REGISTRY[name]), rng.random() < 0.5
        said = ""
        try:
            load(network(REGISTRY[name], arguments, symbolic))
        except ArchgraphError as error:
            said = str(error)
        except Exception as error:
            raise AssertionError(f"{name} {arguments}: {type(error).__name__}: {error}") from error
        assert all(char.isprintable() or char == "\n" for char in said), arguments


def test_examples_are_accepted_so_that_the_argument_is_what_is_wrong() -> None:
    refused = [name for name, kind in REGISTRY.items() if _refused(network(kind, {}, False))]
    assert refused == []


def _refused(spec: dict[str, Any]) -> bool:
    """Whether the arguments or the shapes are: an operation with several results has none to hand out by itself."""
    try:
        load(spec)
    except ArchgraphError as error:
        return isinstance(error, (SchemaError, ShapeError))
    return False
