"""What a module's code reads from tensors whose values are known before it runs, and what it asks of element types."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archgraph as ag
from archgraph.errors import ImportingError


class Codebook(nn.Module):
    """Looks up the nearest code; the first batch of training would make the codebook (van den Oord et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("initted", torch.tensor([True]))
        self.codes = nn.Parameter(torch.randn(5, 4))

    def forward(self, x: Tensor) -> Tensor:
        codes = self.codes if self.initted else self.codes - x.mean((0, 1))
        return functional.embedding(torch.cdist(x, codes[None]).argmin(-1), codes)


def test_a_stored_value_that_decides_is_told() -> None:
    module = Codebook()
    with pytest.warns(UserWarning, match=r"stored values of initted, which decide here: .*if self.initted"):
        graph = ag.from_torch(module, {"x": "N,L,4"}, name="codebook")
    assert "mean" not in graph.spec()
    module.initted.fill_(False)
    with pytest.warns(UserWarning, match="stored values of initted"):
        assert "mean" in ag.from_torch(module, {"x": "N,L,4"}, name="codebook").spec()


def _compressed(x: Tensor, power: float) -> Tensor:
    return x.abs().pow(power)


class Normed(nn.Module):
    """A norm over all dimensions but the first, whose list is counted by torch, of what a scripted function makes."""

    def __init__(self) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch would have it compiled in another way
            self.compressed, self.library = torch.jit.script(_compressed), torch

    def forward(self, x: Tensor) -> Tensor:
        x = self.compressed(x, 0.5)
        return x - x.mean(dim=self.library.arange(1, x.ndim).tolist(), keepdim=True)


def test_scripted_functions_and_counted_lists_are_read() -> None:
    nodes = ag.from_torch(Normed(), {"x": "N,C,L"}, name="normed").info.written["nodes"]
    assert [node if isinstance(node, str) else node["op"] for node in nodes.values()] == ["abs", "pow", "mean", "sub"]


class Steadied(nn.Module):
    """A norm with another constant in half precision; a step in whole numbers is joined to its waves."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        eps = 1e-3 if x.dtype != torch.float32 else 1e-5
        normed = (x - x.mean(-1, keepdim=True)) * (x.var(-1, keepdim=True) + eps).rsqrt().type(x.dtype)
        return torch.cat([t[:, None], t[:, None].sin(), normed], dim=-1)


def test_a_constant_for_another_precision_is_none_in_the_proof() -> None:
    graph = ag.from_torch(Steadied(), {"x": "N,6", "t": "N:int64"}, name="steadied")
    assert "0.001" not in graph.spec()
    assert [node["dtype"] for node in graph.info.written["nodes"].values() if "dtype" in node] == ["float32"]


class Sparse(nn.Module):
    """Marks heads in a sparse buffer, as Whisper does, which the forward does not read."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("heads", torch.eye(2).to_sparse(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


@pytest.mark.filterwarnings("error")
def test_a_sparse_buffer_that_nobody_reads_is_left_out() -> None:
    assert list(ag.from_torch(Sparse(), {"x": "N,4"}, name="sparse").info.written["nodes"]) == ["linear"]


class Asserting(nn.Module):
    """Looks at its values, which no network in a file does."""

    def forward(self, x: Tensor) -> Tensor:
        assert torch.isfinite(x).all(), "numbers"
        assert not x.isnan().any()
        return x.relu()


def test_what_a_line_asserts_of_values_holds() -> None:
    assert list(ag.from_torch(Asserting(), {"x": "N,4"}, name="asserting").info.written["nodes"]) == ["relu"]


class Choosing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.relu() if (x > 0).all() else x


def test_what_a_branch_asks_of_values_is_refused() -> None:
    with pytest.raises(ImportingError, match="depends on the values of its inputs"):
        ag.from_torch(Choosing(), {"x": "N,4"})


def test_what_torch_lists_when_it_is_first_asked_holds_its_own_functions() -> None:
    """In a process of its own: another test may have asked before."""
    script = """
import torch, archgraph as ag
class Placed(torch.nn.Module):
    def forward(self, x):
        with torch.device("cpu"):
            return x + torch.arange(4) + torch.linspace(0, 1, 4)
ag.from_torch(Placed(), {"x": "N,4"}, name="placed", verify=False)
with torch.device("meta"):
    print(torch.arange(3).device, torch.linspace(0, 1, 3).device)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["meta", "meta"]
