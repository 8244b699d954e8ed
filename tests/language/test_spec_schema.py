"""The schema of editors: what the language admits is admitted, and what they should underline is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from json_schema import Schema

from archgraph.errors import SchemaError
from archgraph.language.editor.schema_file import schema_text
from archgraph.language.editor.spec_schema import spec_schema
from archgraph.language.editor.value_forms import admitted
from archgraph.language.library import read_spec
from archgraph.language.reading.document import read_file, read_text
from archgraph.language.schema.parameter_types import parse_type
from archgraph.language.schema.validation import validate
from archgraph.meta import SECTIONS, Each
from archgraph.meta.meanings import MEANINGS
from archgraph.ops import attribute_meanings
from archgraph.ops.contract import REGISTRY, make
from archgraph.ops.reference import describe

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([*ROOT.glob("specs/*.yaml"), *ROOT.glob("archgraph/blocks/*.yaml")])
SCHEMA = Schema(spec_schema())
MOST_BYTES = 420_000
"""The server reads a schema of this size in half a second."""


STANDING = SHIPPED[::8]
"""What stands for the others, which `pytest -m slow` looks at."""


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=[] if path in STANDING else pytest.mark.slow) for path in SHIPPED],
)
def test_what_is_shipped_is_admitted(path: Path) -> None:
    assert SCHEMA.admits(read_file(path).data)


def spec(nodes: str, more: str = "") -> Any:
    return read_text(f"{{archgraph: 1, name: net, inputs: {{x: [N, 16, H, W]}}, nodes: {{{nodes}}}{more}}}").data


OWN = ", blocks: {unit: {params: {channels: int}, inputs: {x: [N, C, H, W]}, nodes: {a: relu}}}"
HIDING = ", blocks: {relu: {params: {slope: 1.0}, inputs: {x: [N, C, H, W]}, nodes: {a: tanh}}}"
ADMITTED = {
    "short": spec("a: relu"),
    "long": spec("a: {op: conv2d, out_channels: 8, kernel_size: [3, 5], in: x, when: true}"),
    "expression": spec('a: {op: conv2d, out_channels: =c, kernel_size: "=[k, k]", padding: [=k, 1], bias: =b}'),
    "size": spec("a: {op: interpolate, size: [=H // 2, =W]}"),
    "applied expression": spec("a: {op: =block, whatever: 1}, b: =act"),
    "word": spec("a: {op: conv2d, out_channels: 8, kernel_size: 3, padding: same}"),
    "null": spec("a: {op: clamp, min: null, max: .inf}"),
    "mapping": spec("a: {op: linear, out_features: 3, weight_norm: {dim: 0}, spectral_norm: false}"),
    "handed in": spec("a: {op: residual_connection, fn: {op: prenorm, fn: attention2d}}"),
    "group": spec("a: {nodes: {b: relu, c: {nodes: {d: silu}}}}, e: {share: a.b}"),
    "own": spec("a: {op: unit, channels: 3}, b: {op: other.block, x: [1]}, c: unit", OWN),
    "own hides": spec("a: {op: relu, slope: 2.0}, b: {op: conv2d, anything: 1}", HIDING),
    "used hides": spec("a: {op: relu, slope: 2.0}", ", use: {relu: ./other.yaml}"),
    "meta": spec("a: relu", ", meta: {mine: [1], task: classification, diffusion: {schedule: cosine, steps: =n}}"),
    "size of meta": spec("a: relu", ", meta: {size: {H: 3, anything: 4}, labels: null}"),
}
REFUSED = {
    "unknown operation": spec("a: {op: conv2dd, out_channels: 8}"),
    "unknown name": spec("a: rellu"),
    "misspelt argument": spec("a: {op: conv2d, out_channels: 8, kernel_sise: 3, kernel_size: 3}"),
    "argument of another": spec("a: {op: relu, negative_slope: 0.1}"),
    "text for a number": spec('a: {op: conv2d, out_channels: 8, kernel_size: "3"}'),
    "too small": spec("a: {op: conv2d, out_channels: 0, kernel_size: 3}"),
    "too long": spec("a: {op: conv2d, out_channels: 8, kernel_size: [3, 3, 3]}"),
    "too large": spec("a: {op: dropout, p: 1.5}"),
    "number for a truth value": spec("a: {op: linear, out_features: 8, bias: 1}"),
    "other word": spec("a: {op: gelu, approximate: tan}"),
    "missing argument": spec("a: {op: conv2d, out_channels: 8}"),
    "missing in the short form": spec("a: conv2d"),
    "missing in a block": spec("a: {op: bottleneck}"),
    "wrong in a block": spec("a: {op: bottleneck, planes: x}"),
    "misspelt in a block": spec("a: {op: bottleneck, planes: 8, strid: 2}"),
    "in what is handed in": spec("a: {op: residual_connection, fn: {op: linear}}"),
    "in a group": spec("a: {nodes: {b: {op: relu, x: 1}}}"),
    "argument of a group": spec("a: {out_channels: 3, nodes: {b: relu}}"),
    "no kind": spec("a: {in: x}"),
    "beside own blocks": spec("a: {op: conv2d, out_channels: 8, kernel_sise: 3}", OWN),
    "in an own block": spec("a: relu", ", blocks: {b: {inputs: {x: [N]}, nodes: {a: {op: relu, x: 1}}}}"),
    "inserted": {"archgraph": 1, "name": "a", "extends": "resnet", "after": {"fc": {"x": {"op": "relu", "y": 1}}}},
    "task": spec("a: relu", ", meta: {task: clasification}"),
    "key of meta": spec("a: relu", ", meta: {diffusion: {sampler: ddim, stepss: 3}}"),
    "size of meta": spec("a: relu", ", meta: {size: {H: x}}"),
    "key": {**spec("a: relu"), "ouputs": "a"},
}


@pytest.mark.parametrize("data", ADMITTED.values(), ids=list(ADMITTED))
def test_it_admits(data: Any) -> None:
    assert SCHEMA.admits(data)


@pytest.mark.parametrize("data", REFUSED.values(), ids=list(REFUSED))
def test_it_refuses(data: Any) -> None:
    assert not SCHEMA.admits(data)


VALUES: tuple[Any, ...] = (
    *(-2, -1, 0, 1, 2, 7, 0.0, 0.25, -0.25, 1.0, 2.5, True, False, None, "", "x", "same", "zeros", "3"),
    *([], [1], [0], [2, 3], [1, 2, 3], [0.5], ["x"], [None], [None, 3], [True], [[0], [1]], [[1, 2], [0]]),
    *({}, {"dim": 0}),
)


def arguments() -> Iterator[tuple[str, str]]:
    """Those of one type and one meaning once."""
    found: dict[str, tuple[str, str]] = {}
    for name in REGISTRY:
        for key, field in REGISTRY[name].model_fields.items():
            schema = SCHEMA.root["$defs"][name]["properties"][key]
            found.setdefault(f"{schema} {field.annotation}", (name, key))
    yield from found.values()


def fits(name: str, key: str, value: Any) -> bool:
    try:
        make(REGISTRY[name], {key: value})
    except SchemaError as error:
        return all(problem.subject != key for problem in error.problems)
    return True


def test_it_admits_the_values_that_contracts_admit() -> None:
    """And of other values, those only that differ in what JSON Schema cannot say."""
    finer: set[str] = set()
    for name, key in arguments():
        schema = SCHEMA.root["$defs"][name]["properties"][key]
        for value in VALUES:
            contract, editor = fits(name, key, value), SCHEMA.admits(value, schema)
            assert editor or not contract, (name, key, value)
            if editor and not contract:
                finer.add(f"{name}.{key} {value!r}")
    assert finer == {
        *("celu.alpha 0", "celu.alpha 0.0"),  # any number but 0
        "constant.value [[1, 2], [0]]",  # rows of different lengths
        "einsum.equation '3'",
    }


def test_each_argument_is_explained_once() -> None:
    used = {key for name in REGISTRY for each in REGISTRY[name].model_fields for key in (each, f"{name}.{each}")}
    assert not [item for name in REGISTRY for item in describe(name).attributes if not item.meaning]
    assert {*attribute_meanings._COMMON, *attribute_meanings._BY_OPERATION} <= used


def paths(section: Any, above: str = "") -> Iterator[str]:
    for key, value in section.items():
        yield f"{above}{key}"
        inner = value.entry if isinstance(value, Each) else value
        if isinstance(inner, dict):
            yield from paths(inner, f"{above}{key}.")


def test_each_key_of_meta_is_explained() -> None:
    assert set(paths(SECTIONS)) == set(MEANINGS)


@pytest.mark.parametrize(
    ("declaration", "good", "bad"),
    [
        ("int?", [3, None, "=x"], ["x", 0.5, [1]]),
        ("float", [3, 0.5], ["x", None, True]),
        ("[[int]]", [[[1, 2], []], []], [[1], [[0.5]], 3]),
        ("int | [int]", [3, [3, 4]], [0.5, ["x"]]),
        ([["a"]], [[["b"]], []], [3]),  # entries that are lists of texts are of no form that is tried
    ],
)
def test_types_of_parameters(declaration: Any, good: list[Any], bad: list[Any]) -> None:
    schema = admitted(parse_type(declaration).accepts)
    assert all(Schema(schema).admits(value) for value in good)
    assert not any(Schema(schema).admits(value) for value in bad)


def test_the_schema_of_one_spec_knows_its_own_blocks_and_no_other_names(tmp_path: Path) -> None:
    text = """\
archgraph: 1
name: net
use: [./other.yaml]
inputs: {x: [N, 16, H, W]}
nodes: {a: {op: unit, channels: 3}, b: {op: relu, slope: 2.0}, c: {op: theirs, k: 3}}
blocks:
  relu: {params: {slope: 1.0}, inputs: {x: [N, C, H, W]}, nodes: {a: tanh}}
  unit:
    params: {channels: int}
    inputs: {x: [N, C, H, W]}
    nodes: {a: deep}
    blocks: {deep: {inputs: {x: [N, C, H, W]}, nodes: {a: tanh}}}
"""
    other = "archgraph: 1\nname: o\nblocks: {theirs: {params: {k: int}, inputs: {x: [N]}, nodes: {a: tanh}}}\n"
    (tmp_path / "other.yaml").write_text(other)
    (tmp_path / "net.yaml").write_text(text)
    schema = Schema(json.loads(schema_text(read_spec(tmp_path / "net.yaml"))))
    validate(read_text(text))
    assert schema.admits(read_text(text).data)
    for right, wrong in (("channels: 3", "chanels: 3"), ("{slope: 2.0}", "{slop: 2.0}"), ("op: unit", "op: unitt")):
        assert not schema.admits(read_text(text.replace(right, wrong)).data) or right not in text
    assert not schema.admits(read_text(text.replace("k: 3", "k: x")).data)
    assert not schema.admits(read_text(text.replace("{op: unit, channels: 3}", "unit")).data)


def test_the_file_is_small_and_has_a_definition_on_each_line() -> None:
    text = schema_text()
    assert json.loads(text) == SCHEMA.root
    assert len(text.encode()) < MOST_BYTES
    assert '\n  "conv2d": {' in text
