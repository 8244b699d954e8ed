"""The saved file in a process that cannot import archgraph: same keys, same numbers, for every spec."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from codegen_cases import NARROW, inputs_for, outputs, shaken

import archgraph as ag
from archgraph.codegen import source, to_torch

SPECS = Path(__file__).parents[2] / "specs"
AS_IT_IS = {"N": 2, "H": 8, "W": 8}
"""The sizes for a spec that has no narrow variant."""
NUMBERS = sorted({*NARROW, "digits_ddpm", "digits_resnet"})
STANDING = ("digits_resnet", "gpt2", "resnet")
"""They stand for the others, whose sources test_codegen_specs.py holds as text and compiles in its own process."""

COMPUTING = """
import sys
sys.modules["archgraph"] = None  # an import of it fails
import importlib, pathlib, torch
sys.path.insert(0, {folder!r})
for path in sorted(pathlib.Path({folder!r}).glob("*.pt")):
    kept = torch.load(path)
    net = getattr(importlib.import_module(path.stem), kept["class"])().eval()
    net.load_state_dict(kept["state"], strict=True)
    with torch.no_grad():
        found = net(*kept["inputs"])
    found = found if isinstance(found, tuple) else (found,)
    assert len(found) == len(kept["outputs"])
    for ours, wanted in zip(found, kept["outputs"]):
        # Another process may share its sums among threads in another way, so equal means to the last few bits.
        assert torch.isfinite(ours).all(), path.stem
        torch.testing.assert_close(ours, wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()), msg=path.stem)
    print(path.stem)
"""


def alone(program: str, folder: Path) -> list[str]:
    """What a program prints in a process without archgraph."""
    command = [sys.executable, "-c", program.format(folder=str(folder))]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("names", [STANDING, pytest.param(tuple(NUMBERS), marks=pytest.mark.slow)], ids=["some", "all"])
def test_every_spec_computes_the_same_numbers(names: tuple[str, ...], tmp_path: Path) -> None:
    for name in names:
        params, sizes = NARROW.get(name, ({}, AS_IT_IS))
        graph = ag.load(SPECS / f"{name}.yaml", **params)
        net = shaken(to_torch(graph)).eval()
        given = inputs_for(graph, sizes)
        kept = {
            "class": type(net).__name__,
            "state": net.state_dict(),
            "inputs": given,
            "outputs": outputs(net, *given),
        }
        torch.save(kept, tmp_path / f"net_{name}.pt")
        (tmp_path / f"net_{name}.py").write_text(source(graph), encoding="utf-8")
    assert alone(COMPUTING, tmp_path) == [f"net_{name}" for name in names]


@pytest.mark.parametrize("name", ["resnet", "densenet"])
def test_training_and_evaluation_differ_as_torch_has_it(name: str) -> None:
    """Batch norm uses the batch in training and moves its statistics; in evaluation it uses them and moves nothing."""
    params, sizes = NARROW[name]
    graph = ag.load(SPECS / f"{name}.yaml", **params)
    net = shaken(to_torch(graph))
    (image,) = inputs_for(graph, sizes)
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms]
    evaluated = net.eval()(image)
    assert all(norm.running_mean.equal(kept) for norm, kept in zip(norms, before, strict=True))
    trained = net.train()(image)
    assert not trained.equal(evaluated)
    assert all(not norm.running_mean.equal(kept) for norm, kept in zip(norms, before, strict=True))
    seen: list[torch.Tensor] = []
    norms[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    old = norms[0].running_mean.clone()
    net(image)
    torch.testing.assert_close(norms[0].running_mean, 0.9 * old + 0.1 * seen[0].mean((0, 2, 3)))
