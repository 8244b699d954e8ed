"""Whole runs of small networks: what they leave, that they learn, and that nothing depends on how they were run."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from train_samples import CLASSIFIER, DENOISER, ended, in_child

import archgraph as ag
from archgraph.errors import InputError, TrainingError
from archgraph.graph.types import Graph
from archgraph.training import Machine, TrainingRequest, train
from archgraph.training.checkpoint_callback import CheckpointCallback
from archgraph.training.image_sources import read_pictures
from archgraph.training.images import for_diffusion
from archgraph.training.lazy_images import OnDemand
from archgraph.training.lightning_module import Learning
from archgraph.training.sharding import local

CPU = Machine("cpu")


def weights(run: Path, name: str = "last") -> dict[str, torch.Tensor]:
    return dict(load_file(run / f"{name}.safetensors"))


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def order(pictures: str, steps: int, **more: Any) -> TrainingRequest:
    changes = more.pop("changes", {})
    return TrainingRequest(pictures, {"steps": steps, **changes}, **more)


def test_a_run_leaves_a_folder_that_loads_by_itself(denoiser: Graph, pictures: str, tmp_path: Path) -> None:
    changes = {"check_every": 4, "held_out": 0.2}
    outcome = train(denoiser, order(pictures, 8, changes=changes), tmp_path / "run", CPU)
    run = outcome.folder.path
    graph = ag.load(run / "spec.yaml")
    assert not ag.diff(ag.load(DENOISER), graph)
    assert ag.trained_weights(graph) == run / "ema.safetensors"
    network = ag.to_torch(graph, weights=run / "ema.safetensors")
    assert all(torch.isfinite(p).all() for p in network.parameters())
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows if row["loss"]] == list(range(1, 9))
    assert [int(row["step"]) for row in rows if row["held_out_loss"]] == [4, 8]
    assert sorted(path.name for path in (run / "samples").iterdir()) == ["step-000004.png", "step-000008.png"]
    with Image.open(run / "samples" / "step-000008.png") as picture:
        assert picture.size == (3 * 10 + 2, 4 * 10 + 2)  # a column per class, four rows, pads of 2
    with Image.open(run / "loss.png") as picture:
        assert len(picture.getcolors(100_000) or ()) > 5
    report = json.loads((run / "run.json").read_text())
    assert report["pictures"] == {"trained": 24, "held_out": 6}


def test_learning_lowers_the_loss_and_names_bright_and_dark(classifier: Graph, pictures: str, tmp_path: Path) -> None:
    changes = {"batch": 12, "lr": 0.02, "check_every": 60, "held_out": 0.2, "ema": 0.9}
    outcome = train(classifier, order(pictures, 60, changes=changes), tmp_path / "run", CPU)
    assert outcome.metrics["accuracy"] == 1.0
    assert outcome.metrics["held_out_loss"] < 0.5 < np.log(3)


@pytest.mark.parametrize(("steps", "every", "looks"), [(3, 100, [3]), (5, 2, [2, 4, 5]), (4, 2, [2, 4])])
def test_the_end_of_a_run_is_looked_at_whatever_the_interval(
    classifier: Graph, pictures: str, tmp_path: Path, steps: int, every: int, looks: list[int]
) -> None:
    changes = {"check_every": every, "held_out": 0.2}
    outcome = train(classifier, order(pictures, steps, changes=changes), tmp_path / "run", CPU)
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows if row["accuracy"]] == looks
    assert [int(row["step"]) for row in rows if row["loss"]] == list(range(1, steps + 1))
    assert outcome.metrics["accuracy"] == float([row["accuracy"] for row in rows if row["accuracy"]][-1])


def test_the_same_seed_gives_the_same_weights_and_another_others(
    classifier: Graph, pictures: str, tmp_path: Path
) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.rand(7)  # what else was drawn does not matter
        train(classifier, order(pictures, 4, seed=seed), tmp_path / name, CPU)
        assert not torch.are_deterministic_algorithms_enabled()
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


@pytest.mark.parametrize("spec", [DENOISER, CLASSIFIER], ids=["diffusion", "classification"])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(spec: dict[str, Any], pictures: str, tmp_path: Path) -> None:
    graph = ag.load(spec)
    train(graph, order(pictures, 10), tmp_path / "whole", CPU)

    def die_at_eight() -> None:
        plain = Learning.optimizer_step

        def step(self: Learning, *args: Any, **kwargs: Any) -> None:
            plain(self, *args, **kwargs)
            if self.trainer.global_step >= 7:
                os.kill(os.getpid(), signal.SIGKILL)

        Learning.optimizer_step = step  # type: ignore[method-assign]
        train(graph, order(pictures, 10), tmp_path / "killed", CPU)

    assert ended(in_child(die_at_eight)) == -signal.SIGKILL
    left = [path.name for path in (tmp_path / "killed" / "checkpoints").iterdir()]
    assert left == ["step=6.ckpt"]
    said: list[str] = []
    train(graph, order(pictures, 10, resume=True), tmp_path / "killed", CPU, said.append)
    assert said == ["goes on after step 6"]
    for name in ("last", "ema"):
        assert same(weights(tmp_path / "whole", name), weights(tmp_path / "killed", name))
    with (tmp_path / "killed" / "metrics.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file) if row["loss"]] == list(range(1, 11))


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def half(follow: Any) -> Any:
    """The same, where this process keeps about half of the network and of its average."""

    def checked(self: Learning, step: int) -> None:
        for network in (self.network, self.average):
            kept = sum(part.numel() for part in local(network.parameters()))
            whole = sum(parameter.numel() for parameter in network.parameters())
            assert 0.3 * whole < kept < 0.7 * whole
        follow(self, step)

    return checked


def _processes(graph: Graph, ordered: TrainingRequest, run: Path, strategy: str = "ddp") -> Iterator[int]:
    """Two processes as a launcher starts them; gloo joins them."""
    port = _port()
    for rank in range(2):

        def work(rank: int = rank) -> None:
            told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": 2, "LOCAL_RANK": rank, "RANK": rank}
            os.environ |= {name: str(value) for name, value in told.items()}
            from archgraph.training.lightning_import import rank_zero_only

            rank_zero_only.rank = rank
            if strategy == "fsdp":
                Learning.follow = half(Learning.follow)  # type: ignore[method-assign]
            train(graph, ordered, run, Machine("cpu", devices=2, strategy=strategy))

        yield in_child(work)


@pytest.mark.parametrize("strategy", ["ddp", pytest.param("fsdp", marks=pytest.mark.slow)])
def test_two_processes_are_one_with_the_doubled_batch(
    strategy: str, denoiser: Graph, pictures: str, tmp_path: Path
) -> None:
    """Sharded weights are averaged in shards; both runs are cut in two, and go on from a checkpoint."""
    train(denoiser, order(pictures, 6, changes={"batch": 8, "decay": "constant"}), tmp_path / "one", CPU)
    for steps, resume in ((3, False), (6, True)):
        ordered = order(pictures, steps, changes={"batch": 4, "decay": "constant"}, resume=resume)
        children = list(_processes(denoiser, ordered, tmp_path / "two", strategy))
        assert [ended(child) for child in children] == [0, 0]
    start = ag.to_torch(denoiser, seed=0).state_dict()
    for name in ("last", "ema"):
        one, two = weights(tmp_path / "one", name), weights(tmp_path / "two", name)
        for key, tensor in one.items():
            assert (tensor - start[key]).abs().max() > 1e-4
            assert (tensor - two[key]).abs().max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_leave_what_is_frozen_and_train_the_rest_as_one(
    strategy: str, denoiser: Graph, pictures: str, tmp_path: Path
) -> None:
    """Frozen tensors are equal bit by bit; the others are those of one process with the doubled batch."""
    changes = {"freeze": ["conv1", "known"], "decay": "constant"}
    train(denoiser, order(pictures, 4, changes={**changes, "batch": 8}), tmp_path / "one", CPU)
    ordered = order(pictures, 4, changes={**changes, "batch": 4})
    assert [ended(child) for child in list(_processes(denoiser, ordered, tmp_path / "two", strategy))] == [0, 0]
    start = ag.to_torch(denoiser, seed=0).state_dict()
    for name in ("last", "ema"):
        one, two = weights(tmp_path / "one", name), weights(tmp_path / "two", name)
        assert {key for key in two if torch.equal(two[key], start[key])} == {
            *("conv1.weight", "conv1.bias", "known.weight")
        }
        assert all((tensor - two[key]).abs().max() < 1e-5 for key, tensor in one.items())


@pytest.mark.slow
def test_two_processes_leave_the_statistics_of_a_frozen_norm(classifier: Graph, pictures: str, tmp_path: Path) -> None:
    ordered = order(pictures, 3, changes={"freeze": ["conv", "bn"], "batch": 4})
    assert [ended(child) for child in list(_processes(classifier, ordered, tmp_path / "two"))] == [0, 0]
    start, after = ag.to_torch(classifier, seed=0).state_dict(), weights(tmp_path / "two", "last")
    assert {key for key in after if not torch.equal(after[key], start[key])} == {"fc.weight", "fc.bias"}
    assert "bn.running_mean" in after


def test_a_loss_that_is_no_number_stops_with_the_step_and_the_last_checkpoint(
    classifier: Graph, pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = CheckpointCallback.on_train_batch_end

    def poison(self: CheckpointCallback, trainer: Any, module: Any, *rest: Any) -> None:
        plain(self, trainer, module, *rest)
        if trainer.global_step == 4:
            module.network.fc.weight.data.fill_(float("nan"))

    monkeypatch.setattr(CheckpointCallback, "on_train_batch_end", poison)
    with pytest.raises(TrainingError, match=r"the loss is nan at step 5\n.*checkpoint is .*step=3\.ckpt"):
        train(classifier, order(pictures, 10), tmp_path / "run", CPU)


def test_a_checkpoint_of_another_network_says_what_differs(classifier: Graph, pictures: str, tmp_path: Path) -> None:
    train(classifier, order(pictures, 3), tmp_path / "run", CPU)
    wider = ag.load(CLASSIFIER, width=16)
    with pytest.raises(TrainingError, match=r"another network(.|\n)*conv: attribute out_channels: 8 → 16"):
        train(wider, order(pictures, 6, resume=True), tmp_path / "run", CPU)
    with pytest.raises(TrainingError, match=r"made with another seed\n  expected: 0\n  received: 5"):
        train(classifier, order(pictures, 6, resume=True, seed=5), tmp_path / "run", CPU)
    with pytest.raises(TrainingError, match=r"holds a run already"):
        train(classifier, order(pictures, 6), tmp_path / "run", CPU)
    said: list[str] = []
    changed = order(pictures, 6, resume=True, changes={"lr": 0.5})
    train(classifier, changed, tmp_path / "run", CPU, said.append)
    assert said == ["train.lr was 0.001 until the checkpoint and is 0.5 from here on", "goes on after step 3"]


def test_a_damaged_checkpoint_is_named(classifier: Graph, pictures: str, tmp_path: Path) -> None:
    train(classifier, order(pictures, 3), tmp_path / "run", CPU)
    (tmp_path / "run" / "checkpoints" / "step=3.ckpt").write_bytes(b"nothing")
    with pytest.raises(TrainingError, match=r"step=3\.ckpt cannot be read"):
        train(classifier, order(pictures, 6, resume=True), tmp_path / "run", CPU)


def test_an_interrupted_run_says_how_to_go_on(
    classifier: Graph, pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, handler = CheckpointCallback.on_train_batch_end, signal.getsignal(signal.SIGINT)

    def interrupt(self: CheckpointCallback, trainer: Any, module: Any, *rest: Any) -> None:
        plain(self, trainer, module, *rest)
        if trainer.global_step == 5:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(CheckpointCallback, "on_train_batch_end", interrupt)
    with pytest.raises(TrainingError, match=r"training was stopped\n.*step=3\.ckpt; --resume goes on there"):
        train(classifier, order(pictures, 10), tmp_path / "run", CPU)
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_run_that_is_interrupted_before_its_first_checkpoint_promises_none(
    classifier: Graph, pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CheckpointCallback, "on_train_batch_end", lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(TrainingError) as stopped:
        train(classifier, order(pictures, 10), tmp_path / "run", CPU)
    assert stopped.value.problems[0].hint == (
        "there is no checkpoint yet; train.save_every says how often one is written"
    )


def test_a_full_disk_is_said_and_what_was_there_stays(
    classifier: Graph, pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    train(classifier, order(pictures, 3), tmp_path / "run", CPU)
    monkeypatch.setattr("lightning.fabric.plugins.io.torch_io._atomic_save", full)
    with pytest.raises(TrainingError, match=r"cannot be written to(.|\n)*No space left(.|\n)*step=3\.ckpt"):
        train(classifier, order(pictures, 9, resume=True), tmp_path / "run", CPU)


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        ({"strategy": "deepspeed"}, r"no strategy 'deepspeed'(.|\n)*auto, ddp(.|\n)*average"),
        ({"strategy": "fdsp"}, r"no strategy 'fdsp'(.|\n)*fsdp"),
        ({"precision": "bf16"}, r"no precision 'bf16'(.|\n)*bf16-mixed"),
        ({"precision": "16-mixed"}, r"16-mixed needs a CUDA device(.|\n)*bf16-mixed runs on the processor"),
        ({"device": "gpu"}, r"no device 'gpu'(.|\n)*auto, cpu, cuda"),
    ],
)
def test_machines_that_are_not_there(
    machine: dict[str, str], message: str, classifier: Graph, pictures: str, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=message):
        train(classifier, order(pictures, 3), tmp_path / "run", Machine(**{"device": "cpu"} | machine))
    assert not (tmp_path / "run").exists()


def test_mixed_precision_learns_and_keeps_float32(classifier: Graph, pictures: str, tmp_path: Path) -> None:
    """A run in bfloat16 that is cut in two ends with the weights of a whole one, which are not those of float32."""
    mixed = Machine("cpu", precision="bf16-mixed")
    constant = {"decay": "constant", "lr": 0.01, "batch": 16, "save_every": 10}
    whole = train(classifier, order(pictures, 30, changes=constant), tmp_path / "whole", mixed)
    with whole.folder.metrics.open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file) if row["loss"]]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    train(classifier, order(pictures, 10, changes=constant), tmp_path / "cut", mixed)
    train(classifier, order(pictures, 30, changes=constant, resume=True), tmp_path / "cut", mixed)
    train(classifier, order(pictures, 30, changes=constant), tmp_path / "single", CPU)
    for name in ("last", "ema"):
        found = weights(tmp_path / "whole", name)
        assert {tensor.dtype for key, tensor in found.items() if "num_batches" not in key} == {torch.float32}
        assert same(found, weights(tmp_path / "cut", name))
        assert not same(found, weights(tmp_path / "single", name))


def test_pictures_on_demand_are_those_in_memory(photographs: Path, tmp_path: Path) -> None:
    classifier = ag.load(CLASSIFIER, classes=2)
    """A folder that is larger than the budget trains the same weights; a run may go on with the other kind."""
    told = {"held_out": 0.34, "check_every": 3, "decay": "constant"}
    train(classifier, order(str(photographs), 6, changes=told), tmp_path / "memory", CPU)
    assert train(classifier, order(str(photographs), 3, changes={**told, "memory": 0}), tmp_path / "files", CPU)
    (photographs / "cats" / "0.png").rename(tmp_path / "0.png")
    with pytest.raises(TrainingError, match="made with other pictures"):
        train(classifier, order(str(photographs), 6, resume=True, changes=told), tmp_path / "files", CPU)
    (tmp_path / "0.png").rename(photographs / "cats" / "0.png")
    train(classifier, order(str(photographs), 6, resume=True, changes={**told, "memory": 0}), tmp_path / "files", CPU)
    assert same(weights(tmp_path / "memory", "ema"), weights(tmp_path / "files", "ema"))
    for part in ("files", "memory"):
        assert "held_out_loss" in json.loads((tmp_path / part / "run.json").read_text())["metrics"]


def test_a_folder_beyond_the_budget_stays_in_its_files(photographs: Path) -> None:
    prepare, _ = for_diffusion(1, 8)
    whole, files = read_pictures(str(photographs), prepare), read_pictures(str(photographs), prepare, 6 * 64 - 1)
    assert isinstance(whole.pixels, np.ndarray)
    assert isinstance(files.pixels, OnDemand)
    assert isinstance(read_pictures(str(photographs), prepare, 6 * 64).pixels, np.ndarray)
    assert (files.digest, files.broken, files.names) == (whole.digest, whole.broken, whole.names)
    for mine, theirs in zip(files.split(0.34), whole.split(0.34), strict=True):
        everything = np.arange(len(mine))
        np.testing.assert_array_equal(mine.pixels[everything], theirs.pixels[everything])
        np.testing.assert_array_equal(mine.labels, theirs.labels)
    (photographs / "dogs" / "2.png").unlink()
    with pytest.raises(InputError, match=r"cannot any more(.|\n)*2\.png"):
        files.pixels[np.arange(6)]
