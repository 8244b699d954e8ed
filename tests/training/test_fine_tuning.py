"""A part of a network is trained, at rates by path; the best weights are kept, and a run without progress ends."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from train_samples import CLASSIFIER

import archgraph as ag
from archgraph.errors import ArchgraphError, TrainingError
from archgraph.graph.types import Graph
from archgraph.training import Machine, TrainingRequest, train
from archgraph.training.best_weights import Evaluation
from archgraph.training.parameter_groups import freeze, optimizer_groups
from archgraph.training.recipe import Recipe

CPU = Machine("cpu")
FAST = {"warmup": 0, "decay": "constant", "lr": 0.05, "ema": 0.0, "batch": 8, "shift": 0.0, "rotate": 0.0}


def network(**nodes: Any) -> Graph:
    """A convolution, three kinds of norms, and a head."""
    given = copy.deepcopy(CLASSIFIER)
    head = {name: given["nodes"].pop(name) for name in ("pool", "flat", "drop", "fc")}
    plain = {"bare": {"op": "batch_norm2d", "affine": False}, "group": {"op": "group_norm", "num_groups": 2}}
    given["nodes"] |= {**plain, **head, **nodes}
    return ag.load(given)


def request(pictures: str, steps: int, **changes: Any) -> TrainingRequest:
    return TrainingRequest(pictures, {**FAST, "steps": steps, **changes})


def test_frozen_tensors_and_buffers_are_equal_bit_by_bit(pictures: str, tmp_path: Path) -> None:
    graph = network()
    before = ag.to_torch(graph, seed=0).state_dict()
    train(graph, request(pictures, 4, freeze=["conv", "bn", "b*e", "group.weight"]), tmp_path / "run", CPU)
    for name in ("last", "ema"):
        after = load_file(tmp_path / "run" / f"{name}.safetensors")
        changed = {key for key, tensor in after.items() if not torch.equal(tensor, before[key])}
        assert changed == {"group.bias", "fc.weight", "fc.bias"}
    assert {"bn.running_mean", "bn.num_batches_tracked", "bare.running_var"} <= set(before)


def test_a_norm_whose_weights_are_all_frozen_keeps_its_statistics(pictures: str, tmp_path: Path) -> None:
    frozen = ["*.weight", "bn.bias", "conv.bias"]
    train(network(), request(pictures, 2, freeze=frozen), tmp_path / "a", CPU)
    after = load_file(tmp_path / "a" / "last.safetensors")
    assert float(after["bn.num_batches_tracked"]) == 0
    assert float(after["bare.num_batches_tracked"]) == 2


def test_what_is_frozen_has_no_gradient_and_no_state_of_the_optimiser(pictures: str, tmp_path: Path) -> None:
    recipe = Recipe(freeze=("conv", "bn"), rates={"fc": 10, "*": 0.5}, weight_decay=0.1, lr=0.01)
    model = ag.to_torch(network())
    stay = freeze(model, recipe.freeze)
    assert [type(part).__name__ for part in stay] == ["BatchNorm2d"]
    model.train()(torch.rand(4, 1, 8, 8)).sum().backward()
    assert {key for key, p in model.named_parameters() if p.grad is None} == {
        *("conv.weight", "conv.bias", "bn.weight", "bn.bias")
    }
    names = {id(p): key for key, p in model.named_parameters()}
    groups = optimizer_groups(model, recipe)
    found = [([names[id(p)] for p in group["params"]], group["lr"], group["weight_decay"]) for group in groups]  # type: ignore[attr-defined]
    assert found == [
        (["fc.weight"], 0.1, 0.1),
        (["fc.bias"], 0.1, 0.0),
        (["group.weight", "group.bias"], 0.005, 0.0),
    ]
    train(network(), request(pictures, 3, freeze=["conv", "bn"], save_every=3), tmp_path / "run", CPU)
    stored = torch.load(tmp_path / "run" / "checkpoints" / "step=3.ckpt", weights_only=True)
    assert len(stored["optimizer_states"][0]["state"]) == 4


def test_rates_are_factors_of_the_rate(pictures: str, tmp_path: Path) -> None:
    """The first step of AdamW moves every weight by its rate."""
    graph = network()
    before = ag.to_torch(graph, seed=0).state_dict()
    rates = {"fc.weight": 0.1, "fc": 2.0}
    train(graph, request(pictures, 1, rates=rates, lr=0.01, warmup=2, clip=0), tmp_path / "run", CPU)
    after = load_file(tmp_path / "run" / "last.safetensors")
    moved = {key: float((after[key] - before[key]).abs().max()) for key in ("conv.weight", "fc.weight", "fc.bias")}
    assert moved["conv.weight"] == pytest.approx(0.005, rel=0.01)  # half of the warm-up
    assert moved["fc.weight"] == pytest.approx(0.0005, rel=0.01)
    assert moved["fc.bias"] == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"freeze": ["cnv"]}, "no weight is covered by 'cnv' of train.freeze(.|\n)*did you mean 'conv'"),
        ({"freeze": ["drop"]}, "no weight is covered by 'drop'(.|\n)*conv, bn, bare, group, fc"),
        ({"freeze": ["*"]}, "covers every weight of tiny_classifier(.|\n)*fc"),
        ({"freeze": ["conv", "bn", "group", "fc"]}, "covers every weight"),
        ({"freeze": "conv"}, "train.freeze makes no sense(.|\n)*a list"),
        ({"rates": {"had": 1}}, "no weight is covered by 'had' of train.rates"),
        ({"rates": {"fc": 0}}, "train.rates makes no sense(.|\n)*more than 0"),
        ({"rates": {"fc": 2}, "freeze": ["fc"]}, "train.rates has no effect on 'fc'(.|\n)*frozen"),
        ({"rates": {"*": 2, "fc": 3}}, "no effect on 'fc'(.|\n)*the first pattern counts"),
        ({"monitor": "iou"}, "this task has no iou(.|\n)*held_out_loss, accuracy"),
        ({"monitor": "acuracy"}, "did you mean 'accuracy'"),
        ({"patience": 2, "held_out": 0}, "train.patience: 2 needs held-out pictures"),
        ({"keep": "best", "held_out": 0}, "train.keep: best needs held-out pictures"),
        ({"labels": ["a", "b"]}, "train.labels does not name the classes(.|\n)*3 names(.|\n)*2 names"),
    ],
)
def test_slips_are_refused_before_a_folder_is_made(
    changes: dict[str, Any], message: str, pictures: str, tmp_path: Path
) -> None:
    with pytest.raises(ArchgraphError, match=message):
        train(network(), request(pictures, 2, **changes), tmp_path / "run", CPU)
    assert not (tmp_path / "run").exists()


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["held_out_loss"]]


def test_the_best_weights_are_the_run_s(pictures: str, tmp_path: Path) -> None:
    """The best evaluation is no longer the last one after a rate that is much too high."""
    changes = {"check_every": 2, "held_out": 0.2, "monitor": "held_out_loss", "lr": 5.0}
    result = train(network(), request(pictures, 12, **changes), tmp_path / "run", CPU)
    losses = {int(row["step"]): float(row["held_out_loss"]) for row in rows(tmp_path / "run")}
    best = min(losses, key=lambda step: losses[step])
    assert best != 12
    assert result.best is not None
    assert (result.best.step, result.weights) == (best, tmp_path / "run" / "best.safetensors")
    assert ag.trained_weights(tmp_path / "run" / "spec.yaml") == result.weights
    until = train(network(), request(pictures, best, **changes), tmp_path / "until", CPU)
    kept, then = (load_file(path) for path in (result.weights, until.folder.path / "ema.safetensors"))
    assert all(torch.equal(kept[key], then[key]) for key in then)
    report = json.loads((tmp_path / "run" / "run.json").read_text())
    assert report["best"]["step"] == best
    assert report["weights"] == "best.safetensors"
    last = train(network(), request(pictures, 2, keep="last", held_out=0.2), tmp_path / "last", CPU)
    assert not (tmp_path / "last" / "best.safetensors").exists()
    assert ag.trained_weights(tmp_path / "last" / "spec.yaml") == last.weights == tmp_path / "last" / "ema.safetensors"


def test_a_run_that_gets_no_better_ends(pictures: str, tmp_path: Path) -> None:
    said: list[str] = []
    changes = {"check_every": 2, "held_out": 0.2, "lr": 1e-9, "patience": 2}
    train(network(), request(pictures, 40, **changes, monitor="accuracy"), tmp_path / "run", CPU, said.append)
    steps = [int(row["step"]) for row in rows(tmp_path / "run")]
    assert steps[-1] < 40
    assert said[-1].startswith(f"stopped after step {steps[-1]}: 2 evaluations without a better accuracy than")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["steps"] == steps[-1]
    again = {**FAST, **changes, "steps": 40, "monitor": "accuracy"}
    resumed = train(network(), TrainingRequest(pictures, again, resume=True), tmp_path / "run", CPU)
    assert resumed.steps == steps[-1]
    patient = TrainingRequest(pictures, {**again, "patience": 3}, resume=True)
    assert train(network(), patient, tmp_path / "run", CPU).steps > steps[-1]


def test_evaluations_are_compared_by_what_is_monitored_then_by_the_loss() -> None:
    def at(loss: float, accuracy: float) -> Evaluation:
        return Evaluation(1, {"held_out_loss": loss, "accuracy": accuracy})

    assert at(2.0, 0.9).better_than(at(1.0, 0.8), "accuracy")
    assert at(1.0, 0.8).better_than(at(2.0, 0.8), "accuracy")
    assert not at(1.0, 0.8).better_than(at(1.0, 0.8), "accuracy")
    assert at(1.0, 0.8).better_than(at(2.0, 0.9), "held_out_loss")
    assert not at(np.nan, 0.9).better_than(at(1.0, 0.8), "held_out_loss")
    assert at(1.0, 0.9).better_than(at(np.nan, 0.8), "held_out_loss")


def test_a_resumed_run_keeps_the_same_best_and_its_frozen_part(pictures: str, tmp_path: Path) -> None:
    changes = {"check_every": 3, "save_every": 3, "held_out": 0.2, "freeze": ["conv"], "rates": {"fc": 2}}
    whole = train(network(), request(pictures, 9, **changes), tmp_path / "whole", CPU)
    train(network(), request(pictures, 6, **changes), tmp_path / "cut", CPU)
    again = {**FAST, **changes, "steps": 9}
    for key, other in (("freeze", ["conv", "bn"]), ("rates", {})):
        changed = TrainingRequest(pictures, {**again, key: other}, resume=True)
        with pytest.raises(TrainingError, match=f"made with another train.{key}"):
            train(network(), changed, tmp_path / "cut", CPU)
    cut = train(network(), TrainingRequest(pictures, again, resume=True), tmp_path / "cut", CPU)
    assert cut.best == whole.best
    for name in ("best", "last"):
        one, two = (load_file(tmp_path / run / f"{name}.safetensors") for run in ("whole", "cut"))
        assert all(torch.equal(one[key], two[key]) for key in one)
