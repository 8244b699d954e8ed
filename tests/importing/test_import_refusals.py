"""What cannot be carried over is refused with its place, and nothing is approximated."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from small_networks import Branching, Spectral, UNet
from torch import nn

import archgraph as ag
from archgraph.cli import main
from archgraph.errors import ImportingError
from archgraph.importing.proof.parity import prove
from archgraph.importing.sources.module_source import module_source


def test_an_operation_without_counterpart_is_placed() -> None:
    with pytest.raises(ImportingError) as caught:
        ag.from_torch(Spectral, {"x": "N,8"})
    (problem,) = caught.value.problems
    assert problem.message == "there is no operation for torch's fft_rfft"
    assert problem.received.startswith("inner.1, small_networks.py:")
    assert "return torch.fft.rfft(x).abs()" in problem.received


def test_control_flow_that_depends_on_data_is_refused() -> None:
    with pytest.raises(ImportingError, match=r"torch\.export cannot trace Branching"):
        ag.from_torch(Branching, {"x": "N,4"})


def test_a_module_says_what_it_reads() -> None:
    with pytest.raises(ImportingError) as caught:
        ag.from_torch(UNet, {"x": "N,3,H,W"})
    assert "--input t=…" in str(caught.value)


def layers(activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 4), activation, nn.Linear(4, 4))


def test_differences_and_other_keys_are_found() -> None:
    graph = ag.from_torch(layers(nn.GELU()), {"input": "N,L,4"}, verify=False)
    prove(graph, layers(nn.GELU()))
    with pytest.raises(ImportingError, match="output 0 differs from the module's"):
        prove(graph, layers(nn.ReLU()))
    other = layers(nn.GELU())
    other.extra = nn.Linear(2, 2)
    with pytest.raises(ImportingError, match=r"expected: .*extra.weight"):
        prove(graph, other)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no_such_package:net", "no_such_package is not installed"),
        ("no_such_package:net", "hint: pip install no_such_package"),
        ("torchvison:resnet50", "hint: did you mean 'torchvision'"),
        ("small_networks:Unet", "did you mean 'UNet'?"),
        ("small_networks:Tensor", "is no module"),
        ("small_networks", "names no module of Python"),
    ],
)
def test_sources_that_are_not_there(source: str, message: str) -> None:
    with pytest.raises(ImportingError) as caught:
        module_source(source).make()
    assert message in str(caught.value)


def test_a_slip_in_the_name_of_a_file_here_is_no_package_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_network.py").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImportingError, match="my_netwrok is not installed\n  hint: did you mean 'my_network'"):
        module_source("my_netwrok:Net").make()


def test_the_command_writes_spec_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[1] / "small_networks.py").read_text(encoding="utf-8")
    (tmp_path / "imported_networks.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    command = ["import", "imported_networks:UNet", "--arg", "width=12", "--input", "x=N,3,H,W", "--input", "t=N"]
    with pytest.raises(SystemExit) as ended:
        main([*command, "-o", "net.yaml", "--weights", "net.safetensors"])
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert "equal to the module at 2 sizes" in printed
    lines = [line.strip() for line in printed.splitlines()]
    assert {"input   x [N, 3, H, W]", "size    H must be a multiple of 2"} <= set(lines)
    assert sum(line.startswith("equal   ") for line in lines) == 3  # at two sizes, and in training
    network = ag.to_torch(tmp_path / "net.yaml", weights=tmp_path / "net.safetensors")
    assert sum(p.numel() for p in network.parameters()) == sum(p.numel() for p in UNet(12).parameters())
    assert torch.isfinite(network(torch.zeros(1, 3, 8, 8), torch.zeros(1))).all()


class Imaginary(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x + 1j * x).abs()


def test_complex_numbers_are_refused_by_name() -> None:
    with pytest.raises(ImportingError, match=r"there are no complex numbers(.|\n)*the real and the imaginary part"):
        ag.from_torch(Imaginary(), {"x": "N,4"})
