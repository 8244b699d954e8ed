"""Parameters of a family are called as the user says, in all that reads them."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph.errors import ArchgraphError
from archgraph.importing.writing.plain_data.renamed_parameters import with_renamed_parameters
from archgraph.language.load import load

SPEC: dict[str, Any] = {
    "archgraph": 1,
    "name": "net",
    "params": {"dims": [4, 8], "num_classes": 10, "start": 1},
    "presets": {"small": {}, "large": {"dims": [8, 16]}},
    "inputs": {"x": ["N", 3, "H", "W"]},
    "let": {"widest": "=dims[-1]"},
    "nodes": {
        "stages": {
            "for": {"dim": "=dims"},
            "nodes": {"conv": {"op": "unit", "dims": "=dim", "path": "stages.{i + start}"}},
        },
        "pool": {"op": "mean", "dim": [2, 3]},
        "head": {"op": "linear", "out_features": "=num_classes if widest > num_classes else num_classes + 0"},
    },
    "outputs": {"logits": "head"},
    "blocks": {
        "unit": {
            "params": {"dims": "int"},
            "inputs": {"x": ["N", "C", "H", "W"]},
            "nodes": {"conv": {"op": "conv2d", "out_channels": "=dims", "kernel_size": 1}},
        }
    },
}


def test_everything_that_reads_a_parameter_has_its_new_name() -> None:
    found = with_renamed_parameters(SPEC, {"dims": "channels", "num_classes": "classes", "start": "first_stage"})
    assert found["params"] == {"channels": [4, 8], "classes": 10, "first_stage": 1}
    assert found["presets"] == {"small": {}, "large": {"channels": [8, 16]}}
    assert found["let"] == {"widest": "=channels[-1]"}
    assert found["nodes"]["stages"]["for"] == {"dim": "=channels"}
    assert found["nodes"]["stages"]["nodes"]["conv"]["path"] == "stages.{i + first_stage}"
    assert found["nodes"]["head"]["out_features"] == "=classes if widest > classes else classes + 0"
    assert found["blocks"] == SPEC["blocks"], "the parameter of a block that is called so too is another one"
    for preset in ("small", "large"):
        ours, theirs = (load(spec, preset=preset).nodes for spec in (found, SPEC))
        assert {path: node.op for path, node in ours.items()} == {path: node.op for path, node in theirs.items()}


def test_names_can_be_exchanged() -> None:
    found = with_renamed_parameters(SPEC, {"num_classes": "start", "start": "num_classes"})
    assert found["params"] == {"dims": [4, 8], "start": 10, "num_classes": 1}
    assert found["nodes"]["stages"]["nodes"]["conv"]["path"] == "stages.{i + num_classes}"
    assert found["nodes"]["head"]["out_features"] == "=start if widest > start else start + 0"


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        ({"num_clases": "classes"}, "no parameter of the family is called num_clases"),
        ({"num_classes": "dims"}, "num_classes cannot be called dims"),
        ({"num_classes": "dim"}, "num_classes cannot be called dim"),
        ({"num_classes": "widest"}, "num_classes cannot be called widest"),
        ({"num_classes": "width", "start": "width"}, "start cannot be called width"),
        ({"num_classes": "two words"}, "two words"),
    ],
)
def test_names_that_cannot_be(renamed: dict[str, str], message: str) -> None:
    with pytest.raises(ArchgraphError, match=message):
        with_renamed_parameters(SPEC, renamed)
