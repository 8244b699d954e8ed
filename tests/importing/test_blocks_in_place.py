"""Stages that one node applies are written there; blocks that are units of their own, or read more, stay blocks."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from archgraph.graph.keys import weights
from archgraph.importing.writing.numbers.values import running_sum
from archgraph.importing.writing.plain_data.blocks_in_place import with_blocks_in_place
from archgraph.language.load import load

UNIT = {
    "inputs": {"x": ["N", "C", "H", "W"]},
    "nodes": {
        "conv": {"op": "conv2d", "out_channels": "=C", "kernel_size": 3, "padding": 1},
        "add": {"op": "add", "in": ["conv", "x"]},
    },
}
STAGE = {
    "params": {"width": "int", "depth": "int"},
    "inputs": {"x": ["N", "C", "H", "W"]},
    "nodes": {
        "wider": {"op": "conv2d", "out_channels": "=width", "kernel_size": 1, "when": "=C != width"},
        "units": {"op": "unit", "repeat": "=depth"},
    },
}
UNITS = {"op": "unit", "repeat": "=depth", "in": "wider"}
ADDED = {"op": "add", "in": ["x", "units"], "when": "=C == width"}


def spec(**stage: Any) -> dict[str, Any]:
    """A network of three stages, of which the first has the width that it reads; with other parts of the stage."""
    return copy.deepcopy(
        {
            "archgraph": 1,
            "name": "planted",
            "params": {"widths": [8, 16, 24], "depths": [1, 2, 3]},
            "presets": {"short": {}, "long": {"depths": [1, 2, 5]}},
            "inputs": {"x": ["N", 8, "H", "W"]},
            "nodes": {
                "stages": {
                    "op": "stage",
                    "for": {"width": "=widths", "depth": "=depths"},
                    "width": "=width",
                    "depth": "=depth",
                }
            },
            "blocks": {"stage": {**STAGE, **stage}, "unit": UNIT},
        }
    )


def nodes(**changed: Any) -> dict[str, Any]:
    return {"nodes": {**STAGE["nodes"], **changed}}


def keys(one: dict[str, Any], preset: str) -> list[str]:
    return [f"{weight.key} {weight.weight.shape}" for weight in weights(load(one, preset))]


def test_a_stage_stands_where_it_is_applied() -> None:
    before = spec()
    made = with_blocks_in_place(before)
    assert list(made["blocks"]) == ["unit"]
    assert made["nodes"] == {
        "stages": {
            "for": {"width": "=widths", "depth": "=depths"},
            "nodes": {
                "wider": {"op": "conv2d", "out_channels": "=width", "kernel_size": 1, "when": "=not first"},
                "units": {"op": "unit", "repeat": "=depth"},
            },
        }
    }
    for preset in ("short", "long"):
        assert keys(made, preset) == keys(before, preset)


def test_what_is_handed_in_has_a_name_or_stands_in_its_place() -> None:
    before = spec(params={**STAGE["params"], "kernel": "int", "side": "int", "stride": 1})
    before["params"] |= {"sides": 3}
    before["blocks"]["stage"]["nodes"]["units"] = {"op": "unit", "repeat": "=side * depth // side"}
    before["blocks"]["stage"]["nodes"]["wider"] |= {"kernel_size": "=2 * kernel", "stride": "=stride"}
    before["nodes"]["stages"] |= {"kernel": "=sides + 1", "side": "=1 if first else 2"}
    group = with_blocks_in_place(before)["nodes"]["stages"]
    assert group["let"] == {"side": "=1 if first else 2", "stride": 1}
    assert group["nodes"]["wider"]["kernel_size"] == "=2 * (sides + 1)"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ("=[0, depths[0], sum(depths[:2])]", "=sum(depths[:i])"),
        ("=[depths[0], sum(depths[:2]), sum(depths[:3])]", "=sum(depths[:i + 1])"),
        ("=[0, depths[0], sum(widths[:2])]", ""),
        ("=[0, depths[0], sum(depths[:3])]", ""),
        ("=[0, depths[0]]", ""),
        ([0, 1, 3], ""),
    ],
)
def test_sums_of_counts_need_no_list(values: Any, text: str) -> None:
    assert running_sum(values) == text


def twice() -> dict[str, Any]:
    made = spec()
    made["nodes"]["more"] = {"op": "stage", "width": 24, "depth": 1}
    return made


def chosen() -> dict[str, Any]:
    made = spec()
    made["params"]["block"] = "stage"
    made["nodes"]["stages"]["op"] = "=block"
    return made


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(twice(), id="applied twice"),
        pytest.param(chosen(), id="a parameter chooses it"),
        pytest.param(spec(**nodes(units={"op": "conv2d", "out_channels": "=width", "kernel_size": 1})), id="a unit"),
        pytest.param(spec(**nodes(units=UNITS, add=ADDED)), id="reads x by name"),
        pytest.param(spec(**nodes(units={"op": "unit", "repeat": "=depth + C // C"})), id="reads its width"),
        pytest.param(spec(outputs="units"), id="says what it hands out"),
        pytest.param(spec(**nodes(units=UNITS | {"op": "=missing"})), id="loads neither way"),
    ],
)
def test_others_stay_blocks(given: dict[str, Any]) -> None:
    assert with_blocks_in_place(given) == given


def test_a_condition_that_is_true_of_other_copies_keeps_the_block() -> None:
    """The second stage reads its own width too."""
    given = spec()
    given["params"]["widths"] = [8, 8, 24]
    assert with_blocks_in_place(given) == given
