"""Modules and weights that stand at several places: applied several times, tied, read for nothing, never read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.errors import ImportingError
from archgraph.graph import parameter_count, weights
from archgraph.graph.types import Graph
from archgraph.importing.api import import_module
from archgraph.importing.sources.input_descriptions import InputDescription

SEQUENCE = InputDescription(("N", "L", 8))
IDS = InputDescription(("N", "L"), "int64")


def imported(made: type[nn.Module], **inputs: InputDescription) -> Graph:
    """The graph of a network, proved equal with free sizes."""
    result = import_module(made, inputs)
    assert result.parity is not None
    assert not result.notes
    return result.graph


def nodes(graph: Graph, *path: str) -> dict[str, object]:
    """The nodes of a spec, or of one of its blocks or groups."""
    found = graph.info.spec
    for step in path:
        found = found[step]
    return dict(found["nodes"])


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.scale = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + torch.relu(self.fc(x)) * self.scale)


class Group(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(), Layer()])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class Albert(nn.Module):
    """One group of layers, which is applied several times."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = nn.ModuleList([Group()])
        self.out = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.groups[0](x)
        return self.out(x)


def test_a_module_that_is_applied_again_is_shared() -> None:
    graph = imported(Albert, x=SEQUENCE)
    shared = [node for node in nodes(graph).values() if isinstance(node, dict) and "share" in node]
    assert shared == [{"share": "group", "repeat": 2}]
    assert parameter_count(graph) == 2 * (72 + 16 + 8) + 36


class Detector(nn.Module):
    """A head of containers, which is applied to pictures of two sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Sequential(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()), nn.Conv2d(4, 2, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        return [self.head(level) for level in (x, nn.functional.max_pool2d(x, 2))]


def test_containers_are_applied_again_at_another_size() -> None:
    graph = imported(Detector, x=InputDescription(("N", 3, "H", "W")))
    assert [item.key for item in weights(graph)][2:] == [
        "head.0.0.weight",
        "head.0.0.bias",
        "head.1.weight",
        "head.1.bias",
    ]
    assert graph.spec().count("share:") == 2


class Coder(nn.Module):
    def __init__(self, shared: nn.Embedding) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.embed.weight = shared.weight
        self.layer = Layer()

    def forward(self, ids: Tensor) -> Tensor:
        found: Tensor = self.layer(self.embed(ids))
        return found


class T5(nn.Module):
    """A table that encoder, decoder and head have in common, and that is never read under its first key."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Embedding(10, 8)
        self.encoder, self.decoder = Coder(self.shared), Coder(self.shared)
        self.head = nn.Linear(8, 10, bias=False)
        self.head.weight = self.shared.weight

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        found: Tensor = self.head(self.encoder(source) * self.decoder(target))
        return found


def test_weights_of_two_blocks_are_tied_where_both_are_in_reach() -> None:
    graph = imported(T5, source=IDS, target=IDS)
    tied = {item.key: item.tied for item in weights(graph) if item.tied}
    assert tied == dict.fromkeys(
        ["encoder.embed.weight", "decoder.embed.weight", "head.weight"],
        "shared.weight",
    )
    stated = {"tie": {"embed.weight": "shared.weight"}}
    assert nodes(graph)["encoder"] == {"op": "coder", **stated}
    assert nodes(graph)["decoder"] == {"op": "coder", "in": "target", **stated}


class Positions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv1d(8, 8, 3, padding=1)
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.proj(x.transpose(1, 2)).transpose(1, 2))


class Block(nn.Module):
    def __init__(self, positions: Positions) -> None:
        super().__init__()
        self.positions = positions
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.positions(x)
        return x + torch.relu(self.fc(x))


class Coat(nn.Module):
    """A module that stands at several paths: in the network, and in each of its blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = Positions()
        self.blocks = nn.ModuleList([Block(self.positions) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class Parallel(Coat):
    """The same module, which the network itself applies twice afterwards."""

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.positions(2 * self.positions(super().forward(x)))
        return found


def test_a_module_at_several_paths_is_shared_at_each() -> None:
    graph = imported(Parallel, x=SEQUENCE)
    assert graph.spec().count("share: positions") == 1
    assert parameter_count(graph) == 8 * 8 * 3 + 8 + 16 + 2 * 72


def test_a_module_at_several_paths_is_tied() -> None:
    graph = imported(Coat, x=SEQUENCE)
    keys = [item.key for item in weights(graph)]
    assert keys == list(Coat().state_dict())
    assert parameter_count(graph) == 8 * 8 * 3 + 8 + 16 + 2 * 72
    blocks = nodes(graph)["blocks"]
    assert isinstance(blocks, dict)
    assert (blocks["repeat"], len(blocks["tie"])) == (2, 4)


class Conditioned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 8))
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return x + self.fc(torch.relu(x + self.emb(t)[:, None]))


class DiT(nn.Module):
    """The embedding of the first block is applied once more, by the network and to the same values."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Conditioned() for _ in range(3)])
        self.out = nn.Linear(8, 8)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, t)
        return self.out(x * self.blocks[0].emb(t)[:, None])  # type: ignore[operator, index, union-attr]


def test_an_equal_call_has_the_results_of_the_first() -> None:
    graph = imported(DiT, x=SEQUENCE, t=InputDescription(("N", 4)))
    assert [node.op.name for node in graph.nodes.values()].count("silu") == 3


class Reused(DiT):
    """The embedding of the first block is applied once more, by the network and to other values."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return super().forward(x, t) * self.blocks[0].emb(2 * t)[:, None]  # type: ignore[operator, index, union-attr]


def test_weights_that_a_block_and_the_network_read_stand_outside_under_their_path() -> None:
    graph = imported(Reused, x=SEQUENCE, t=InputDescription(("N", 4)))
    first = nodes(graph)["weight"]
    assert first == {"op": "parameter", "shape": [8, 4], "path": "blocks.0.emb.0.weight"}
    assert [item.key for item in weights(graph)] == list(Reused().state_dict())


class Encoded(nn.Module):
    def __init__(self, relative: bool) -> None:
        super().__init__()
        self.relative = relative
        self.fc, self.other = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        other = self.other(places)
        return torch.relu(self.fc(x)) + (other.sum() if self.relative else 0), other


class Deberta(nn.Module):
    """Of the second encoder, what reads the places is for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.encoders = nn.ModuleList([Encoded(relative) for relative in (True, False, True)])

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        for encoder in self.encoders:
            x, _ = encoder(x, places)
        return x


def _inputs(graph: Graph) -> Sequence[list[str]]:
    return sorted(list(block["inputs"]) for block in graph.info.spec["blocks"].values())


def test_an_input_that_nothing_needs_is_none_of_the_block() -> None:
    assert _inputs(imported(Deberta, x=SEQUENCE, places=SEQUENCE)) == [["x"], ["x", "places"]]


class Embedded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.mask = nn.Parameter(torch.zeros(1, 8))
        self.position = nn.Parameter(torch.zeros(1, 1, 8))
        self.proj = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.token.expand(x.shape[0], -1, -1), self.proj(x)], 1) + self.position


class Dino(nn.Module):
    """A parameter between others that evaluation never reads."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = Embedded()
        self.out = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.out(self.embeddings(x))
        return found


def test_a_parameter_that_is_never_read_keeps_its_place_among_the_others() -> None:
    graph = imported(Dino, x=SEQUENCE)
    assert nodes(graph, "nodes", "embeddings")["mask"] == {"op": "parameter", "shape": [1, 8], "training": "only"}


class Sinusoids(nn.Module):
    """A table that is computed in float64, in which no spec holds constants."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        frequency = 1.0 / 10000 ** (torch.arange(4, dtype=torch.float64) / 4)
        angle = torch.outer(torch.arange(6, dtype=torch.float32) / 1.5, frequency)
        first, second = torch.cat([angle.sin(), angle.cos()], 1).chunk(2, 1)
        return self.fc(x) + torch.cat([second, first], 1).float()


def test_constants_may_follow_from_others_in_float64() -> None:
    result = import_module(Sinusoids, {"x": InputDescription(("N", 6, 8))})
    assert result.parity is not None
    assert result.parity.difference < 1e-12


class RMSNorm(nn.Module):
    """Not what its name says: by the mean of what is there, not of its squares."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.abs().mean(-1, keepdim=True) + 1e-6) * self.weight


class Norms(nn.Module):
    """A class that has the name of an operation, next to that operation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = RMSNorm(), RMSNorm(), nn.RMSNorm(8, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.third(self.first(x) + self.second(x + 1))
        return found


def test_a_block_hides_no_operation() -> None:
    graph = imported(Norms, x=SEQUENCE)
    assert list(graph.info.spec["blocks"]) == ["rms_norm_block"]
    assert not graph.warnings


class SharedBuffer(nn.Module):
    """A buffer that two modules have, and both read."""

    def __init__(self) -> None:
        super().__init__()
        scale = torch.linspace(1, 2, 3)[:, None, None]
        self.register_buffer("scale", scale)
        self.inner = nn.Conv2d(3, 3, 1)
        self.inner.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x * self.scale) + self.inner.scale  # type: ignore[operator]


class Renamed(nn.Module):
    """A network with a second name for one of its parts, which nobody calls by it."""

    def __init__(self, norm: type[nn.Module]) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1), norm(4))
        self.last = self.body[1] if norm is nn.BatchNorm2d else self.body[0]

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)  # type: ignore[no-any-return]


def test_a_second_name_that_nobody_reads_is_tied() -> None:
    made = import_module(Renamed(nn.Identity), {"x": "N,3,H,W"})
    tied = {item.key: item.tied for item in weights(made.graph) if item.tied}
    assert tied == {"last.weight": "body.0.weight", "last.bias": "body.0.bias"}
    assert not made.notes


@pytest.mark.parametrize("given", [Renamed(nn.BatchNorm2d), SharedBuffer()], ids=["statistics", "buffer"])
def test_buffers_have_one_name(given: nn.Module) -> None:
    with pytest.raises(ImportingError, match=r"the buffer (last\.running_mean|inner\.scale) is .* under another name"):
        ag.from_torch(given.eval(), {"x": "N,3,H,W"})
