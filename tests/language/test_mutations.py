"""Shipped specs with something deleted, renamed, exchanged or changed: they load, or are refused with a place."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archgraph.errors import ArchgraphError
from archgraph.graph import Graph
from archgraph.graph.diff import diff
from archgraph.language.library import SpecRequest, shipped_specs
from archgraph.language.load import elaborate, load
from archgraph.language.reading.document import read_text
from archgraph.language.schema.validation import validate

MODELS = ("ddpm", "attention_unet", "resnet18", "vit_b_16", "mobilenet_v2", "resnet_d2l")
WORDS = ("op", "in", "when", "repeat", "for", "map", "push", "path", "let", "nodes", "outputs", "order", "share", "dim")
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 10**12, 2**62, 0.5, -0.5, "", "x", "prev", "skips.pop", ".", "a.{i}", "..", "0"),
    *("relu", "conv2d", "concat", "chunk", "add", "linear", "parameter", "reshape", "resnet", "residual_connection"),
    *("=C", "=i", "=H", "=H // 2", "=1 // 0", "=[1, 2]", "=range(9999)", "=2 ** 70", "=not first", "=last", "=H == 8"),
    *([], {}, [1, 2, 3], ["x", "y"], {"op": "relu"}, {"x": "y"}, {"op": "=fn"}),
)

Path = tuple[Any, ...]


SHORT: dict[str, dict[str, Any]] = {
    "ddpm": {"channels": [64, 64], "attention": [False, True], "layers": 1},
    "attention_unet": {"dim_mults": [1, 2]},
    "vit_b_16": {"depth": 3},
    "mobilenet_v2": {"depths": [1, 2, 1, 1, 1, 1, 1]},
}
"""Fewer levels and copies of the same: what is said of them is the same."""


@cache
def plain(name: str) -> Any:
    """A shipped spec with its blocks, and without its published numbers."""
    data = copy.deepcopy(dict(load(name).info.spec))
    data.pop("assert", None)
    data["params"] = {**data["params"], **SHORT.get(name, {})}
    return data


def places(data: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    for key in data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield from places(data[key], (*path, key))


def at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """One or two changes somewhere in a shipped spec."""
    data = copy.deepcopy(plain(draw(st.sampled_from(MODELS))))
    for _ in range(draw(st.integers(1, 2))):
        everywhere = list(places(data))
        *around, key = draw(st.sampled_from(everywhere))
        other = draw(st.sampled_from(everywhere))
        holder = at(data, tuple(around))
        match draw(st.sampled_from(["delete", "rename", "replace", "copy", "reorder", "add"])):
            case "delete":
                holder.pop(key)
            case "rename" if isinstance(holder, dict):
                name = draw(st.sampled_from([*WORDS, str(other[-1])]))
                items = [(name if old == key else old, value) for old, value in holder.items()]
                holder.clear()
                holder.update(items)
            case "copy":
                holder[key] = copy.deepcopy(at(data, other))
            case "reorder" if isinstance(holder, dict):
                items = draw(st.permutations(list(holder.items())))
                holder.clear()
                holder.update(items)
            case "add" if isinstance(holder[key], dict):
                holder[key][draw(st.sampled_from(WORDS))] = copy.deepcopy(draw(st.sampled_from(VALUES)))
            case _:
                holder[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return data


def graph_of(data: Any) -> Graph:
    text = json.dumps(data, indent=1)
    return elaborate(SpecRequest(validate(read_text(text, "net.json", "json"))), {}, standalone=True)


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_a_changed_spec_loads_or_is_refused_with_a_place(data: Any) -> None:
    try:
        graph = graph_of(data)
    except ArchgraphError as error:
        for problem in error.problems:
            assert problem.message
            assert problem.where is not None, problem
            assert problem.where.file == "net.json"
        return
    again = load(graph.info.spec, standalone=True)
    assert not diff(graph, again)


@pytest.mark.parametrize("name", MODELS)
def test_the_unchanged_spec_loads(name: str) -> None:
    assert not diff(graph_of(plain(name)), load(plain(name), standalone=True))


# --- changed texts ----------------------------------------------------------------------------------------------------

ODD = (
    "\t",
    "\u202e",
    "\x1b[31m",
    "é",
    "\x00",
    "\x85",
    "'",
    '"',
    "{",
    "}",
    "[",
    ":",
    "#",
    "&a ",
    "*a",
    "!!int ",
    "|",
    "=",
    "- ",
)
DEEP = ("[" * 70 + "]" * 70, "{a: " * 70 + "1" + "}" * 70, "=" + "(" * 70 + "1" + ")" * 70, "=" + "-" * 70 + "1")


@cache
def text_of(name: str) -> str:
    """The text of a shipped spec without its published numbers."""
    text = (shipped_specs() / f"{name}.yaml").read_text(encoding="utf-8")
    return re.sub(r"(?ms)^assert:.*?(?=^\S|\Z)", "", text)


@st.composite
def garbled(draw: st.DrawFn) -> str:
    """A shipped spec with one line or a few characters changed."""
    lines = text_of(draw(st.sampled_from(("ddpm", "attention_unet", "vit", "mobilenet")))).split("\n")
    at, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    place = draw(st.integers(0, len(lines[at])))
    match draw(st.sampled_from(["delete", "duplicate", "exchange", "indent", "odd", "cut", "deep"])):
        case "delete":
            del lines[at]
        case "duplicate":
            lines.insert(other, lines[at])
        case "exchange":
            lines[at], lines[other] = lines[other], lines[at]
        case "indent":
            lines[at] = " " * draw(st.integers(1, 4)) + lines[at]
        case "odd":
            lines[at] = lines[at][:place] + draw(st.sampled_from(ODD)) + lines[at][place:]
        case "cut":
            lines[at] = lines[at][:place] + lines[at][place + draw(st.integers(1, 5)) :]
        case _:
            lines[at] += draw(st.sampled_from(DEEP))
    return "\n".join(lines)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(garbled())
def test_a_garbled_text_loads_or_is_refused_with_a_place(text: str) -> None:
    refused: ArchgraphError | None = None
    try:
        elaborate(SpecRequest(validate(read_text(text, "net.yaml", "yaml"))), {})
    except ArchgraphError as error:
        refused = error
    if refused is not None:
        assert all(problem.message and problem.where for problem in refused.problems), refused
        assert not set("\x1b\x00\x85\u202e") & set(str(refused))
