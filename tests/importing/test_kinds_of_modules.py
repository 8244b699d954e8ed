"""Modules of a few lines, one for each way of writing a forward that needs a rule of its own: each is proved equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archgraph as ag
from archgraph.errors import ImportingError
from archgraph.graph import weights
from archgraph.graph.types import Graph
from archgraph.importing.api import import_module
from archgraph.importing.sources.example_inputs import InputDescription


def imported(module: nn.Module | Callable[[], nn.Module], *shape: int) -> Graph:
    """The graph of a module that reads x, proved equal."""
    torch.manual_seed(0)
    name = "input" if isinstance(module, nn.Sequential) else "x"
    made = import_module(module, {name: torch.randn(*(shape or (2, 4, 8, 12)))})
    assert made.parity is not None
    return made.graph


def operations(graph: Graph) -> Sequence[str]:
    return [node.op.name for node in graph.nodes.values()]


class NormAndActivation(nn.BatchNorm2d):
    """A norm whose forward does more than the norm: its weights stand at its own path."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.act = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        norm = functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.1, self.eps
        )
        return self.act(norm)


class ChannelsLast(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        x = functional.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


def test_weights_may_stand_at_a_modules_own_path() -> None:
    graph = imported(nn.Sequential(nn.Conv2d(4, 6, 3), NormAndActivation(6), ChannelsLast(6)))
    keys = [item.key for item in weights(graph)]
    assert keys[2:] == [
        *(f"1.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")),
        *(f"2.{name}" for name in ("weight", "bias")),
    ]
    assert "parameter" not in operations(graph)


class StandardizedConv(nn.Conv2d):
    """A convolution whose weight is computed: its mean and its variance are taken away."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.gain = nn.Parameter(torch.ones(self.out_channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        flat = self.weight.reshape(1, self.out_channels, -1)
        scaled = functional.batch_norm(flat, None, None, self.gain.view(-1), training=True, momentum=0.0)
        return functional.conv2d(x, scaled.reshape_as(self.weight), self.bias)


def test_a_weight_may_be_computed() -> None:
    assert operations(imported(lambda: StandardizedConv(4, 6, 3))).count("conv2d") == 1


class UnreadWeights(nn.Module):
    """Weights that evaluation never reads, and children that are called in another order than they are made in."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 3)
        self.auxiliary = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
        self.stem = nn.Conv2d(4, 6, 1)
        self.token = nn.Parameter(torch.zeros(1, 6))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        if self.training:
            x = x + self.auxiliary(x)
        return self.head(x.mean((2, 3)))


def test_weights_that_evaluation_never_reads_keep_their_keys_in_torchs_order() -> None:
    graph = imported(UnreadWeights)
    unread = [path for path, node in graph.nodes.items() if node.training]
    assert unread == ["token", *(f"auxiliary.{key}" for key in UnreadWeights().auxiliary.state_dict())]


class FilledMask(nn.Module):
    """A mask that is made by changing parts of a constant, as shifted windows make theirs."""

    def forward(self, x: Tensor) -> Tensor:
        mask, count = torch.zeros(1, 8, 12), 0
        for rows in (slice(0, -4), slice(-4, -2), slice(-2, None)):
            for columns in (slice(0, 6), slice(6, None)):
                mask[:, rows, columns] = count
                count += 1
        return functional.adaptive_avg_pool2d(x, (8, 12)) * (mask != 1)


class ChangedParts(nn.Module):
    """Parts of a computed value are changed in place, and the whole is read afterwards."""

    def forward(self, x: Tensor) -> Tensor:
        y = x * 2
        y[:, 1:3] = 0.5
        y[:, 0] += x[:, 3]
        y[:, :, ::2, -1].fill_(3)
        part = y[:, 3]
        part.mul_(x[:, 0])
        return y + x


class PlacesInSeveralDimensions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(3, 5, 4))
        self.register_buffer("places", torch.tensor([[0, 4], [2, 1]]))

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.tensor([0, 2])
        one = self.table[rows, torch.tensor([3, -1])]
        two = self.table[:, self.places.view(-1)].view(3, 2, 2, 4)
        three = self.table[self.places[0] % 3, :, torch.tensor([1, 3])]
        return x.mean((2, 3)) + one.sum(0) + two.sum((0, 1, 2)) + three.sum()


class SeveralResults(nn.Module):
    """A module that hands on the parts of a value, which others read."""

    class Parts(nn.Module):
        def forward(self, x: Tensor) -> Sequence[Tensor]:
            return (x + 1).chunk(2, dim=1)

    class Join(nn.Module):
        def forward(self, first: Tensor, second: Tensor) -> Tensor:
            return torch.cat([second, first.exp()], 1)

    def __init__(self) -> None:
        super().__init__()
        self.parts, self.join = self.Parts(), self.Join()

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.parts(x)
        return self.join(first, second)


class CalledTwice(nn.Module):
    """One module with weights and inner modules, applied to two values."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.shared(x) + self.shared(x.flip(3))


class Arithmetic(nn.Module):
    """Forms of operations that torch has besides the plain ones."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.addcmul(x, x, x.sin(), value=0.5)
        y = torch.where(x > 0, 1.0, y) + torch.where(x > 1, y, 2.0) + torch.sub(y, x, alpha=2)
        windows = x.unfold(3, 3, 2).sum(-1).mean((2, 3), keepdim=True)
        places = (x > 0).cumsum(1, dtype=torch.float32)
        return torch.lerp(x, y, 0.25).clamp(min=x.cos()) + windows + places


class PooledOverInfinity(nn.Module):
    """Padding that no maximum takes, as TensorFlow's pooling has it."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(functional.pad(x, (0, 1, 1, 0), value=float("-inf")), 3, 2)


@pytest.mark.parametrize(
    "module",
    [FilledMask, ChangedParts, PlacesInSeveralDimensions, SeveralResults, CalledTwice, Arithmetic, PooledOverInfinity],
    ids=lambda module: module.__name__,
)
def test_a_module_is_equal(module: Callable[[], nn.Module]) -> None:
    imported(module)


class ChosenByData(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[x > 0].sum()


def test_places_that_depend_on_data_are_refused_with_the_line() -> None:
    with pytest.raises(ImportingError) as error:
        imported(ChosenByData)
    assert "test_kinds_of_modules.py" in str(error.value) or "trace" in str(error.value)


class FixedWindows(nn.Module):
    """The number of places must be that of a table, which torch cannot solve for height and width."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(6, 4))

    def forward(self, x: Tensor) -> Tensor:
        tokens = functional.max_pool2d(x, 4).flatten(2).transpose(1, 2)
        return tokens + self.table


def test_sizes_that_torch_cannot_keep_free_are_those_of_the_example() -> None:
    graph = imported(FixedWindows)
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "4", "8", "12"]


class PaddedWindows(nn.Module):
    """Images are padded to whole windows, each window is normalized, and the padding is taken away."""

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, ::2, ::2]
        height, width = x.shape[2:]
        rows, columns = (5 - height % 5) % 5, (-width) % 5
        y = functional.pad(x, (0, columns, 0, rows))
        parts = y.unflatten(3, (-1, 5)).unflatten(2, ((height + rows) // 5, 5)).permute(0, 2, 4, 1, 3, 5)
        windows = parts.reshape(-1, 4, 5, 5).softmax(-1)
        parts = windows.view(x.size(0), (height + rows) // 5, (width + columns) // 5, 4, 5, 5)
        return parts.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)[:, :, :height, :width]


def test_padding_to_whole_windows_keeps_sizes_free() -> None:
    graph = imported(PaddedWindows, 2, 4, 26, 18)
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "4", "H", "W"]
    assert [str(size) for size in graph.outputs["output"].shape] == ["N", "4", "(H + 1) // 2", "(W + 1) // 2"]


class PlacesInThePicture(nn.Module):
    """Places of height and width together have a form where these are numbers."""

    places: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("places", torch.tensor([2, 5]))

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, self.places, self.places]


def test_what_has_no_form_with_free_sizes_is_imported_with_fixed_ones() -> None:
    with pytest.warns(UserWarning, match="what has no form with free sizes: torch's index"):
        graph = ag.from_torch(PlacesInThePicture(), {"x": torch.randn(2, 4, 8, 12)})
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "4", "8", "12"]


class Branches(nn.Module):
    """A network of other steps for small pictures and for wide ones, and of another bias at one width."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = x * 2 if height - 2 > 7 else x
        x = x + 1 if width // 2 != 9 else x
        return x.sin() if width <= 40 else x


def test_branches_on_sizes_are_bounds_or_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"W//2.* != 9, which the module's code asks for"):
        graph = ag.from_torch(Branches(), {"x": torch.randn(2, 4, 24, 32)})
    assert [rule.text for rule in graph.constraints] == ["H must be at least 10", "W must be at most 40"]


class ComparedSizes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sin() if x.shape[2] <= x.shape[3] else x.cos()


def test_sizes_that_are_compared_with_each_other_are_fixed_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="sizes are fixed, since the module's code asks for H <= W"):
        graph = ag.from_torch(ComparedSizes(), {"x": torch.randn(2, 4, 24, 32)})
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "C", "24", "32"]


class SquareOnly(nn.Module):
    """Keeps a table of the sizes that it saw, and takes pictures of one size."""

    def forward(self, x: Tensor) -> Tensor:
        self.seen = torch.zeros(x.shape[2])
        return x + torch.zeros(256, 256) + self.seen


def test_sizes_that_a_module_refuses_are_not_traced() -> None:
    module = SquareOnly()
    made = import_module(module, {"x": InputDescription(("N", 4, "H", "W"))})
    assert [str(size) for size in made.graph.inputs[0].shape] == ["N", "4", "256", "256"]
    assert not hasattr(module, "seen")


class Versioned(nn.Linear):
    """Reads a state without a version as one of an older release."""

    _version = 2

    def _load_from_state_dict(
        self, state: dict[str, Tensor], prefix: str, metadata: dict[str, int], *rest: Any
    ) -> None:
        assert metadata.get("version") == 2
        super()._load_from_state_dict(state, prefix, metadata, *rest)


def test_the_proof_loads_states_with_their_version() -> None:
    imported(nn.Sequential(Versioned(12, 5)))


class Remembering(nn.Module):
    """A module that keeps a table of what it computed, as LeViT's attention does in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.biases = nn.Parameter(torch.zeros(3, 4))
        self.table: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        if "cpu" not in self.table:
            self.table["cpu"] = self.biases[:, [0, 2, 1, 3]]
        return x + self.table["cpu"]


def test_what_a_module_remembers_is_forgotten() -> None:
    module = Remembering()
    imported(module, 2, 3, 4)
    assert not module.table


class CachedTable(nn.Module):
    """A table of places that a function of its class remembers, as BEiT's in transformers."""

    @staticmethod
    @lru_cache(maxsize=2)
    def places(length: int) -> Tensor:
        return torch.arange(length).flip(0)

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(16, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x[..., :3] + self.table[self.places(12)][: x.shape[2], None]


def test_what_a_cached_function_remembers_is_forgotten() -> None:
    module = CachedTable()
    imported(module, 2, 1, 8, 12)
    assert CachedTable.places(12).tolist() == list(range(11, -1, -1))


class Shortcut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = torch.relu(self.conv(x)) + x
        return found


class Levels(nn.Module):
    """Two numbered levels, of which the second holds more than one module."""

    def __init__(self) -> None:
        super().__init__()
        levels = [nn.Sequential(Shortcut()), nn.Sequential(Shortcut(), Shortcut())]
        self.levels = nn.Sequential(*levels)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.levels(x)
        return found


def test_copies_lead_through_no_level_that_holds_more() -> None:
    imported(Levels())


class Bounded(nn.Module):
    """Bounds that are there and bound nothing yet, as those of networks that will be quantised."""

    def __init__(self):
        super().__init__()
        self.register_buffer("least", torch.tensor(-float("inf")))
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return torch.maximum(self.fc(x), self.least)


def test_a_buffer_that_is_infinite_comes_with_the_weights():
    graph = ag.from_torch(Bounded(), {"x": torch.zeros(2, 4)}, verify=False)
    assert "init" not in graph.spec()


class Hyper(nn.Module):
    """A connection that adds in its forward, and whose weights another method reads (Zhu et al. 2024)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.scale = nn.Parameter(torch.randn(4))

    def prepare(self, x: Tensor) -> tuple[Tensor, Tensor]:
        normed = self.norm(x)
        return normed, (normed * self.scale).sum(-1, keepdim=True).tanh()

    def forward(self, y: Tensor, x: Tensor, rate: Tensor) -> Tensor:
        return x + y * rate


class Connected(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.ModuleList([nn.Linear(4, 4), Hyper()]) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        for layer, hyper in self.layers:
            normed, rate = hyper.prepare(x)
            x = hyper(layer(normed), x, rate)
        return x


def test_weights_of_a_module_without_weights_in_its_forward_are_read_around_it() -> None:
    graph = ag.from_torch(Connected(), {"x": "N,L,4"}, name="connected")
    assert "layers.0.1.norm.weight" in [weight.key for weight in weights(graph)]
