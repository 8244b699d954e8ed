"""Kernel times out of the events of ONNX Runtime's profile: medians over runs, and what is left between kernels."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph.errors import RunError
from archgraph.runtime.kernel_times import Kernel, summed


def run(start: int, took: int) -> dict[str, Any]:
    return {"cat": "Session", "name": "model_run", "ts": start, "dur": took}


def kernel(start: int, took: int, name: str = "conv", **args: Any) -> dict[str, Any]:
    told = {"op_name": "Conv", "node_index": "1", **args}
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": start, "dur": took, "args": told}


def test_medians_over_runs() -> None:
    """In microseconds; the second run was interrupted within a kernel, the third between them."""
    shapes = {"input_type_shape": [{"float": [1, 3]}, {"float": [3]}], "output_type_shape": [{"float": [1, 4]}]}
    events = [run(0, 100), run(1000, 900), run(2000, 700)]
    events += [kernel(at, took, **shapes) for at, took in ((10, 60), (1010, 800), (2010, 62))]
    events += [kernel(at, 10, "relu", op_name="Relu", node_index="2") for at in (80, 1850, 2100)]
    found = summed(events)
    assert found.kernels == (
        Kernel("conv", "Conv", pytest.approx(62e-6), ((1, 3), (3,)), ((1, 4),)),
        Kernel("relu", "Relu", pytest.approx(10e-6)),
    )
    assert found.between == pytest.approx(90e-6)  # of 30, 90 and 628
    assert (found.runs, found.total) == (3, pytest.approx(162e-6))


def test_warm_runs_and_what_lies_outside_of_runs_do_not_count() -> None:
    events = [
        run(1000, 100),
        run(0, 500),
        kernel(10, 400),
        kernel(1000, 30),
        kernel(1100, 50),
        kernel(1101, 7),
        kernel(990, 8),
    ]
    found = summed(events, warm=1)
    assert [each.seconds for each in found.kernels] == [pytest.approx(80e-6)]
    assert (found.between, found.runs) == (pytest.approx(20e-6), 1)


def test_nodes_of_one_name_are_told_apart_by_their_number() -> None:
    events = [run(0, 100), kernel(1, 10), kernel(20, 30, node_index="2"), kernel(60, 5, node_index="2")]
    assert [each.seconds for each in summed(events).kernels] == [pytest.approx(10e-6), pytest.approx(35e-6)]


def test_a_profile_without_runs() -> None:
    for events, warm in (([], 0), ([kernel(0, 1)], 0), ([run(0, 1)], 1)):
        with pytest.raises(RunError, match="has no runs in it"):
            summed(events, warm)
