"""Slips in the parts of `meta` that are read: warnings with a place, from tables that equal the readers' own."""

from __future__ import annotations

import importlib.util
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from archgraph.diffusion.samplers import SAMPLERS as TABLES
from archgraph.diffusion.schedules import Schedule
from archgraph.errors import Problem
from archgraph.language.library import read_spec
from archgraph.language.load import check, load
from archgraph.meta import implemented
from archgraph.meta.diffusion import SAMPLERS, SCHEDULE
from archgraph.meta.papers import PAPER, papers_of
from archgraph.meta.training import TRAIN

HEAD = "archgraph: 1\nname: net\ninputs: {x: [N, 3, H, W]}\nnodes: {a: relu}\nmeta:\n"

SLIPS = {
    "  preprocess: {resise: 3}\n": ("6:16", "`meta.preprocess` has no 'resise'", "did you mean 'resize'?"),
    "  preprocess: {mean: 0.5}\n": ("6:22", "`meta.preprocess.mean` has a wrong value", ""),
    "  size: {H: big}\n": ("6:13", "`meta.size.H` has a wrong value", ""),
    "  size: {h: 8}\n": ("6:10", "`meta.size` has no 'h'", "did you mean 'H'?"),
    "  size: 224\n": ("6:9", "`meta.size` must be a mapping", ""),
    "  diffusion:\n    schedule: {kind: foo}\n": ("7:22", "`meta.diffusion.schedule.kind` has a wrong value", ""),
    "  diffusion: {schedule: cosin}\n": (
        "6:25",
        "`meta.diffusion.schedule` has a wrong value",
        "did you mean 'cosine'?",
    ),
    "  diffusion: {predicton: epsilon}\n": (
        "6:15",
        "`meta.diffusion` has no 'predicton'",
        "did you mean 'prediction'?",
    ),
    "  diffusion: {sampler: dpmp_2m}\n": (
        "6:24",
        "`meta.diffusion.sampler` has a wrong value",
        "did you mean 'dpmpp_2m'?",
    ),
    "  papers: {title: A}\n": ("6:11", "`meta.papers` must be a list", ""),
    "  papers:\n    - {title: A, yaer: 2016}\n": ("7:18", "`meta.papers.0` has no 'yaer'", "did you mean 'year'?"),
    "  papers:\n    - {title: A}\n    - {year: last}\n": ("8:14", "`meta.papers.1.year` has a wrong value", ""),
    "  papers: [{url: arxiv.org}]\n": ("6:18", "`meta.papers.0.url` has a wrong value", ""),
    "  papers: [{presets: [small]}]\n": ("6:22", "`meta.papers.0.presets` has a wrong value", ""),
    "  reference: 3\n": ("6:14", "`meta.reference` has a wrong value", ""),
    "  labels: cat\n": ("6:11", "`meta.labels` has a wrong value", ""),
    "  weights: 3\n": ("6:12", "`meta.weights` has a wrong value", ""),
    "  task: classify\n": ("6:9", "`meta.task` has a wrong value", "did you mean 'classification'?"),
    "  train: {stepz: 3}\n": ("6:11", "`meta.train` has no 'stepz'", "did you mean 'steps'?"),
    "  train: {steps: many}\n": ("6:18", "`meta.train.steps` has a wrong value", ""),
    "  lables: [a]\n": ("6:3", "nobody reads `meta.lables`", "did you mean 'labels'?"),
}


@pytest.mark.parametrize("text", SLIPS)
def test_a_slip_is_a_warning_at_its_place(text: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    (graph,) = check(path)
    (found,) = graph.warnings
    place, message, hint = SLIPS[text]
    assert str(found.where) == f"{path}:{place}"
    assert (found.severity, found.message) == ("warning", message)
    assert found.hint == hint


def test_what_is_right_or_foreign_is_left_alone() -> None:
    said = {
        "license": "MIT",
        "size": {"H": 8},
        "preprocess": {"resize": None, "crop": [8, 9], "mean": [0], "std": [1]},
        "labels": ["a"],
        "diffusion": {"schedule": "cosine", "threshold": 0.995, "size": [8, 8]},
        "train": {"lr": 1, "size": None, "flip": True},
        "weights": {"small": "w.safetensors"},
    }
    spec = {"archgraph": 1, "name": "net", "inputs": {"x": ["N", 3, "H", "W"]}, "nodes": {"a": "relu"}, "meta": said}
    assert load(spec).warnings == ()


SHIPPED = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))


def slips(spec: Any) -> list[Problem]:
    return [warning for graph in check(spec) for warning in graph.warnings if "meta" in warning.message]


def test_no_shipped_spec_has_a_slip() -> None:
    """With all presets, over a network of one node: nothing in `meta` depends on the nodes but the task. Each preset
    has a paper."""
    for path in SHIPPED:
        spec = read_spec(path).document.data  # with what it extends
        kept = {key: spec[key] for key in ("archgraph", "name", "params", "let", "presets") if key in spec}
        meta = {key: value for key, value in spec.get("meta", {}).items() if key != "task"}
        one = {"inputs": {"x": ["N", 3, *meta.get("size", {})]}, "nodes": {"a": "relu"}}
        assert slips({**kept, **one, "meta": meta}) == [], path
        for preset in spec.get("presets") or (None,):
            papers = papers_of(meta, preset)
            assert papers, f"{path}: which paper is {preset} of?"
            assert all(paper.keys() == PAPER.keys() - {"presets"} for paper in papers), path


@pytest.mark.slow
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_no_whole_shipped_spec_has_a_slip(path: Path) -> None:
    assert slips(path) == []


def test_every_name_that_meta_may_hold_has_a_function_and_no_function_lacks_a_name() -> None:
    assert list(TABLES) == list(SAMPLERS)
    with pytest.raises(LookupError, match="differ in b, c"):
        implemented(("a", "b"), {"a": 1, "c": 2})


def test_the_schedules_keys_are_those_of_its_class() -> None:
    assert set(SCHEDULE) == {field.name for field in fields(Schedule)}


def test_the_keys_of_training_are_the_recipe() -> None:
    if importlib.util.find_spec("lightning") is None:
        pytest.skip("training is an extra")
    from archgraph.training.recipe import Recipe

    assert set(TRAIN) == {field.name for field in fields(Recipe)}
    defaults = {field.name: getattr(Recipe(), field.name) for field in fields(Recipe)}
    assert all(TRAIN[name].fits(default) for name, default in defaults.items() if default is not None)
