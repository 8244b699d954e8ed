"""Where time goes: kernels under the paths of the graph, sums, and what the runtime's own graph says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import archgraph as ag
from archgraph.cli import main
from archgraph.errors import RunError, SpecError
from archgraph.graph.types import walk
from archgraph.measure import TimeProfile
from archgraph.measure.kernel_paths import LAYOUT, SIZES, file_nodes, kernels_by_path, trimmed
from archgraph.runtime.kernel_times import Kernel, kernel_times, summed
from archgraph.verify.embedded_spec import graph_in


def run(at: int, took: int, *nodes: tuple[str, int]) -> list[dict[str, Any]]:
    """The events of one run, in microseconds; its kernels start one after another."""
    found: list[dict[str, Any]] = [{"cat": "Session", "name": "model_run", "ts": at, "dur": took}]
    for index, (name, dur) in enumerate(nodes):
        args = {"op_name": "Conv", "node_index": str(index), "output_type_shape": [{"float": [1, 2]}]}
        found.append({"cat": "Node", "name": f"{name}_kernel_time", "ts": at + 1 + index, "dur": dur, "args": args})
    return found


def test_a_kernel_takes_the_median_of_its_runs_and_the_rest_lies_between() -> None:
    events = run(0, 900, ("a", 500)) + run(1000, 30, ("a", 10), ("b", 15)) + run(2000, 33, ("a", 11), ("b", 16))
    events += run(3000, 400, ("a", 12), ("b", 380))  # interrupted once, which a mean would not survive
    times = summed(events, warm=1)
    assert [(kernel.name, pytest.approx(kernel.seconds)) for kernel in times.kernels] == [("a", 11e-6), ("b", 16e-6)]
    assert times.between == pytest.approx(6e-6)  # of 5, 6 and 8
    assert times.total == pytest.approx(33e-6)
    assert times.kernels[0].outputs == ((1, 2),)
    with pytest.raises(RunError, match="no runs"):
        summed([])


def test_names_that_the_optimiser_makes_are_taken_apart() -> None:
    assert "mix/MatMul" in trimmed("mix/MatMul/MatmulTransposeFusion//MatMulScaleFusion/")
    assert "up.0.act1" in trimmed("up.0.act1/QuickGeluFusion/")
    assert "unit.0.relu" in trimmed("unit.0.relu_nchwc")
    assert next(trimmed("InsertedPrecisionFreeCast_conv.weight")) == "conv.weight"
    assert "unit.0.conv1" in trimmed("unit.0.conv1.weight/folded_DequantizeLinear")
    assert "conv_in" in trimmed("conv_in_token_47")


@pytest.fixture(scope="module")
def profiles(tiny: Path, denoiser: Path) -> dict[str, TimeProfile]:
    return {"tiny": ag.profile(tiny.with_suffix(".onnx"), {"N": 2}, 2), "denoiser": ag.profile(denoiser, None, 2)}


@pytest.mark.parametrize("name", ["tiny", "denoiser"])
def test_the_parts_sum_up_to_the_whole(profiles: dict[str, TimeProfile], name: str) -> None:
    found = profiles[name]
    top = [row for row in found.rows if row.depth == 1]
    assert sum(row.seconds for row in (*top, *found.outside)) == pytest.approx(found.seconds)
    leaves = [row for row in found.rows if not row.composite]
    assert sum(row.seconds for row in leaves) == pytest.approx(sum(row.seconds for row in top))
    for shown in (found.down_to(1), found.down_to(2)):
        assert sum(row.seconds for row in shown if row.depth == 1) == pytest.approx(sum(row.seconds for row in top))


@pytest.mark.parametrize("name", ["tiny", "denoiser"])
def test_nearly_all_kernels_have_a_path_of_the_graph(profiles: dict[str, TimeProfile], name: str) -> None:
    found = profiles[name]
    placed_in = sum(row.seconds for row in found.rows if row.depth == 1)
    homeless = sum(row.seconds for row in found.outside if row.kind == "ONNX Runtime" and row.path == LAYOUT)
    assert placed_in > 0
    assert homeless <= 0.05 * placed_in
    assert {row.path for row in found.outside} <= {LAYOUT, SIZES, "between kernels"}


def test_a_fused_kernel_counts_for_the_node_that_works(profiles: dict[str, TimeProfile], tiny: Path) -> None:
    working = {item.path for item in walk(ag.load(tiny)) if item.node.op.name in ("conv2d", "linear")}
    rows = {row.path: row for row in profiles["tiny"].rows}
    assert len(working) == 6
    assert all(rows[path].kernels >= 1 for path in working)
    assert all(row.kernels == 0 for row in rows.values() if row.kind in ("batch_norm2d", "relu"))


def test_changes_of_layout_belong_to_whom_the_runtime_says(denoiser: Path, tmp_path: Path) -> None:
    """The runtime writes its optimised graph on request: there stands who makes what a reordering reads."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(tmp_path / "optimised.onnx"), 4
    onnxruntime.InferenceSession(str(denoiser), options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    makers = {value: node.name for node in nodes for value in node.output}
    readers = {value: node.name for node in nodes for value in node.input}
    near = {node.name: makers[node.input[0]] for node in nodes if node.op_type == "ReorderOutput"}
    near |= {node.name: readers[node.output[0]] for node in nodes if node.op_type == "ReorderInput"}
    if not near:
        pytest.skip("this processor has no blocked layout")
    feeds = {"sample": np.zeros((1, 1, 16, 16), np.float32), "timestep": np.zeros(1, np.int64), "label": [0]}
    times = kernel_times(denoiser, feeds, 1, warm=0)
    model = onnx.load(denoiser)
    kept = {entry.key: entry.value for entry in model.metadata_props}
    found = kernels_by_path(times.kernels, file_nodes(model), graph_in(denoiser), json.loads(kept["archgraph.folded"]))
    paths = {kernel.name: path for kernel, path in found}
    # The numbers in added names differ from session to session, so what counts is how many each node has.
    wanted = sorted(paths[name] for name in near.values())
    got = sorted(path for kernel, path in found if kernel.operation.startswith("Reorder"))
    assert got == wanted


def test_what_cannot_be_placed_is_said_to_be_layout(tiny: Path) -> None:
    lonely = Kernel("Memcpy_3", "MemcpyToHost", 1e-3, ((7, 7),), ((7, 7),))
    model = onnx.load(tiny.with_suffix(".onnx"))
    assert kernels_by_path([lonely], file_nodes(model), ag.load(tiny), {}) == [(lonely, LAYOUT)]


def test_the_table_ends_with_the_whole_and_lists_the_slowest(profiles: dict[str, TimeProfile]) -> None:
    found = profiles["tiny"]
    text = found.text(depth=1, top=2)
    assert text.startswith("tiny at N = 2, H = 8, W = 8: ")
    assert "100.0 %" in text.partition("slowest 2 nodes")[0].rstrip().splitlines()[-1]
    slow = [row.seconds for row in found.slowest(3)]
    assert slow == sorted(slow, reverse=True)
    plain = found.to_json(1, top=2)
    assert [row["path"] for row in plain["rows"]] == [row.path for row in found.down_to(1)]
    assert len(plain["slowest"]) == 2


def test_the_command_prints_the_table_and_draws(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def command(*options: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["profile", str(tiny.with_suffix(".onnx")), "--runs", "1", *options])
        printed = capsys.readouterr()
        return printed.err if ended.value.code else printed.out

    picture = tmp_path / "heat.dot"
    said = command("--batch", "2", "--top", "1", "--depth", "1", "--render", str(picture))
    assert "slowest 1 nodes" in said
    assert "outside the boxes" in picture.read_text(encoding="utf-8")
    assert json.loads(command("--json"))["sizes"] == {"N": 1, "H": 8, "W": 8}
    assert "--batch and --size N differ" in command("--batch", "2", "--size", "N=3")
    assert "what kind of picture" in command("--render", str(tmp_path / "heat.gif"))


def test_sizes_that_the_network_lacks_are_refused(tiny: Path) -> None:
    with pytest.raises(SpecError, match="has no size 'Q'"):
        ag.profile(tiny.with_suffix(".onnx"), {"Q": 2})
    with pytest.raises(RunError, match="there must be a run"):
        ag.profile(tiny.with_suffix(".onnx"), runs=0)


def test_a_file_for_one_size_is_run_at_that_also_where_the_network_is_given(tiny: Path, tmp_path: Path) -> None:
    ag.to_onnx(tiny, tmp_path / "m.onnx", verify=False, sizes={"N": 2, "H": 16})
    assert ag.profile(tmp_path / "m.onnx", runs=1, graph=ag.load(tiny)).sizes == {"W": 8}
