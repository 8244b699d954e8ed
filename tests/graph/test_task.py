"""Whether a network's shapes fit the task that its `meta` names."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import archgraph as ag
from archgraph.errors import SpecError
from archgraph.graph.task import roles, tables_read_by

CLASSIFIER: dict[str, Any] = {
    "archgraph": 1,
    "name": "classifier",
    "inputs": {"image": ["N", 3, "H", "W"]},
    "nodes": {
        "conv": {"op": "conv2d", "out_channels": 64, "kernel_size": 3, "padding": 1},
        "pool": {"op": "adaptive_avg_pool2d", "output_size": 1},
        "flat": "flatten",
        "fc": {"op": "linear", "out_features": 10},
    },
    "outputs": {"logits": "fc"},
    "meta": {"task": "classification"},
}
DENOISER: dict[str, Any] = {
    "archgraph": 1,
    "name": "denoiser",
    "inputs": {
        "sample": ["N", 3, "H", "W"],
        "timestep": {"shape": ["N"], "dtype": "int64"},
        "label": {"shape": ["N"], "dtype": "int64"},
    },
    "nodes": {
        "time": {"op": "sinusoidal_embedding", "in": "timestep", "dim": 8},
        "known": {"op": "table", "in": "label"},
        "both": {"op": "add", "in": ["time", "known"]},
        "over": {"op": "unsqueeze", "dim": [-1, -1]},
        "conv": {"op": "conv2d", "in": "sample", "out_channels": 8, "kernel_size": 1},
        "sum": {"op": "add", "in": ["conv", "over"]},
        "head": {"op": "conv2d", "out_channels": 3, "kernel_size": 1},
    },
    "outputs": {"noise": "head"},
    "blocks": {
        "table": {
            "inputs": {"ids": ["N"]},
            "nodes": {"rows": {"op": "embedding", "num_embeddings": 4, "embedding_dim": 8}},
        }
    },
    "meta": {"task": "diffusion", "diffusion": {"classes": 3, "null_label": 3}},
}
DENOISER["blocks"]["table"]["inputs"]["ids"] = {"shape": ["N"], "dtype": "int64"}


def changed(spec: dict[str, Any], nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = copy.deepcopy({**spec, **more})
    found["nodes"] = {name: node for name, node in {**found["nodes"], **nodes}.items() if node is not None}
    return found


def refusal(spec: dict[str, Any]) -> Any:
    with pytest.raises(SpecError) as caught:
        ag.load(spec)
    (problem,) = caught.value.problems
    return problem


def test_a_classifier_without_flatten_is_refused_at_the_layer_that_needs_it() -> None:
    problem = refusal(changed(CLASSIFIER, {"flat": None}))
    assert problem.path == "fc"
    assert (problem.expected, problem.received) == ("[N, classes]", "[N, 64, 1, 10]")
    assert problem.hint == "put a `flatten` node before 'fc'"


def test_a_head_of_convolution_is_pooled_first_and_the_remedy_works() -> None:
    head = changed(
        CLASSIFIER, {"pool": None, "flat": None, "fc": {"op": "conv2d", "out_channels": 10, "kernel_size": 1}}
    )
    assert refusal(head).hint == "put {op: adaptive_avg_pool2d, output_size: 1} and `flatten` after 'fc'"
    mended = changed(head, {"pool": CLASSIFIER["nodes"]["pool"], "flat": "flatten"}, outputs={"logits": "flat"})
    assert ag.load(mended).warnings == ()


def test_right_networks_and_those_without_a_task_are_left_alone() -> None:
    assert ag.load(CLASSIFIER).warnings == ()
    assert ag.load(DENOISER).warnings == ()
    assert ag.load(changed(CLASSIFIER, {"flat": None}, meta={})).warnings == ()


def test_a_spec_from_an_exported_file_stays_valid() -> None:
    from archgraph.language.load import load

    assert load(changed(CLASSIFIER, {"flat": None}), standalone=True).outputs["logits"].type.shape[2:] == (1, 10)


def test_probabilities_and_labels_of_another_number_are_warnings() -> None:
    spec = changed(CLASSIFIER, {"prob": {"op": "softmax", "dim": 1}}, outputs={"p": "prob"})
    (warning,) = ag.load(spec).warnings
    assert warning.hint == "leave 'prob' out: training and `infer` apply a softmax themselves"
    (warning,) = ag.load({**CLASSIFIER, "meta": {"task": "classification", "labels": ["a", "b"]}}).warnings
    assert warning.message == "`meta.labels` has 2 names, and the output 'logits' has 10 classes"


@pytest.mark.parametrize(
    ("channels", "diffusion", "expected", "hint"),
    [
        (1, {}, "[N, 3, H, W]", ""),
        (6, {}, "[N, 3, H, W]", "`variance: learned`"),
        (3, {"variance": "learned"}, "[N, 6, H, W]", "without `variance: learned`"),
    ],
)
def test_noise_has_the_shape_of_the_sample(channels: int, diffusion: Any, expected: str, hint: str) -> None:
    meta = {"task": "diffusion", "diffusion": {**DENOISER["meta"]["diffusion"], **diffusion}}
    head = {"op": "conv2d", "out_channels": channels, "kernel_size": 1}
    problem = refusal(changed(DENOISER, {"head": head}, meta=meta))
    assert problem.expected.startswith(expected)
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("classes", "null", "keys"), [(3, 3, []), (4, 3, []), (5, 3, ["classes"]), (4, 4, ["null_label"])]
)
def test_classes_are_rows_of_the_table_that_the_label_looks_up(classes: int, null: int, keys: list[str]) -> None:
    meta = {"task": "diffusion", "diffusion": {"classes": classes, "null_label": null}}
    graph = ag.load({**DENOISER, "meta": meta})
    assert [warning.message.split("`")[1].removeprefix("meta.diffusion.") for warning in graph.warnings] == keys


def test_inputs_are_told_by_shape_and_name() -> None:
    graph = ag.load(DENOISER)
    assert roles(graph) == ("image", "time", "label")
    assert [node.name for node in tables_read_by(graph, graph.inputs[2])] == ["rows"]
    assert list(tables_read_by(graph, graph.inputs[1])) == []
    assert roles(ag.load(CLASSIFIER)) is None


def test_a_network_with_two_answers_is_held_to_neither() -> None:
    outputs = {"noise": "head", "features": "conv"}
    assert ag.load({**DENOISER, "outputs": outputs}).warnings == ()


def test_a_segmentation_has_scores_for_each_pixel() -> None:
    """A second output is a head of training, and is not looked at here."""
    head = {"op": "conv2d", "in": "conv", "out_channels": 5, "kernel_size": 1}
    meta = {"task": "segmentation", "labels": ["a", "b"]}
    pool = {**CLASSIFIER["nodes"]["pool"], "in": "conv"}
    given = changed(CLASSIFIER, {"pool": pool, "head": head}, outputs={"scores": "head", "fc": "fc"}, meta=meta)
    (warning,) = ag.load(given).warnings
    assert warning.message == "`meta.labels` has 2 names, and the output 'scores' has 5 classes"
    with pytest.raises(SpecError, match=r"fc: the output 'fc' gives no scores for each pixel(.|\n)*\[N, 10\]"):
        ag.load({**given, "outputs": {"fc": "fc", "scores": "head"}})
