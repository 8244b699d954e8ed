"""From a checkpoint of other classes to a run that is used: what `archgraph train` leaves, by its name only."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file
from train_samples import CLASSIFIER

import archgraph as ag
from archgraph.cli import main
from archgraph.training import Machine, TrainingRequest, train

NAMES = ("bird", "cat", "dog")


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec of eight classes with labels, weights of it, and pictures of three others."""
    monkeypatch.chdir(tmp_path)
    spec = {**CLASSIFIER, "params": {"width": 8, "classes": 8}}
    spec["meta"] = {**CLASSIFIER["meta"], "labels": list("abcdefgh")}
    Path("tiny.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    save_file(ag.to_torch("tiny.yaml", seed=5).state_dict(), "tiny.safetensors")
    for number, name in enumerate(NAMES):
        Path("pets", name).mkdir(parents=True)
        for k in range(6):
            Image.fromarray(np.full((9, 8), 90 * number + k, np.uint8)).save(Path("pets", name, f"{k}.png"))
    return tmp_path


TUNE = ("train", "tiny.yaml", "--data", "pets", "--weights", "tiny.safetensors", "--fresh", "fc", "--steps", "2")


def test_another_head_on_a_frozen_network(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = ran(capsys, *TUNE, "--set", "classes=3", "--freeze", "conv,bn", "-o", "run")
    assert status == 0, err
    assert "warning" not in err
    assert "fresh     2: fc.weight, fc.bias" in err
    assert "trains 27 of 123 parameters; the others are frozen" in err
    before, after = load_file("tiny.safetensors"), load_file("run/best.safetensors")
    kept = [key for key in before if not key.startswith("fc.")]
    assert all(torch.equal(before[key], after[key]) for key in kept)
    assert len(kept) == 7
    assert after["fc.weight"].shape == (3, 8)
    status, out, err = ran(capsys, "infer", "run", "pets/cat/0.png")
    assert status == 0
    assert {line.split()[1] for line in out.splitlines()[2:]} == set(NAMES)
    assert ran(capsys, "export", "run", "-o", "run.onnx")[0] == 0
    with ag.runtime.Session("run.onnx", "cpu") as session:
        assert session.meta["labels"] == list(NAMES)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "hint: --set classes=3 makes it fit"),
        (("--set", "classes=3", "--freeze", "cnov"), "no weight is covered by 'cnov'"),
        (("--set", "classes=3", "--freeze", "*"), "nothing is left to train"),
        (("--set", "classes=3", "--set", "train.rates={head: 2}"), "no weight is covered by 'head' of train.rates"),
        (("--set", "classes=3", "--set", "train.patients=2"), "training has no 'patients'"),
        (("--set", "classes=3", "--set", "train.keep=worst"), "expected: one of best, last"),
    ],
)
def test_slips_leave_nothing(more: Any, message: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = ran(capsys, *TUNE, *more, "-o", "run")
    assert status == 1
    assert message in err
    assert not Path("run").exists()


@pytest.mark.slow
def test_the_digits_network_learns_three_shapes_with_its_head_alone(tmp_path: Path) -> None:
    """The figure of docs/training.md: 97 % on held-out pictures."""
    path = Path(__file__).parents[1] / "benchmark" / "fine_tuning.py"
    found = importlib.util.spec_from_file_location("fine_tuning", path)
    assert found is not None
    assert found.loader is not None
    benchmark = importlib.util.module_from_spec(found)
    found.loader.exec_module(benchmark)
    benchmark.draw(tmp_path / "shapes")
    changes = {"steps": 100, "lr": 0.02, "check_every": 25, "freeze": ["conv1", "bn1", "stage.*"]}
    weights = ag.WeightsRequest(ag.trained_weights("digits_resnet"), fresh="fc")
    request = TrainingRequest(str(tmp_path / "shapes"), changes, weights=weights)
    result = train(ag.load("digits_resnet", classes=3), request, tmp_path / "run", Machine("cpu"))
    assert result.best is not None
    assert result.best.numbers["accuracy"] >= 0.97
