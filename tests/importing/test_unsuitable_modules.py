"""Modules and descriptions as somebody in a hurry hands them over: refused with their place and a way on, or right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import prune, spectral_norm

import archgraph as ag
from archgraph.errors import ArchgraphError, ImportingError
from archgraph.importing.sources.module_source import made_by, module_source


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x))  # type: ignore[no-any-return]


class Own(nn.Linear):
    """A layer with a class of its own."""


class Calling(nn.Module):
    """Calls a function with its only layer and its input."""

    def __init__(self, function: Callable[[nn.Module, Tensor], Any]):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.register_buffer("count", torch.zeros(()))
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


class Linear(nn.Module):
    """A class of the user's that is called like an operation inside."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * 2  # type: ignore[no-any-return]


def changed(change: Callable[[Any], object]) -> nn.Module:
    module = Two()
    change(module)
    return module


def hold_itself(module: Any) -> None:
    module.inner = nn.Sequential()
    module.inner.add_module("back", module)


def share_statistics(module: Any) -> None:
    module.b = nn.Sequential(nn.BatchNorm1d(4), nn.BatchNorm1d(4))
    module.b[1].running_mean = module.b[0].running_mean


UNSUITABLE: list[tuple[Callable[[Any], object], str]] = [
    (lambda m: prune.l1_unstructured(m.a, "weight", 0.5), r"prune\.remove\(a, 'weight'\)"),
    (lambda m: setattr(m, "a", spectral_norm(Own(4, 4))), r"torch\.nn\.utils\.remove_spectral_norm\(a\)"),
    (lambda m: m.add_module("a", torch.jit.trace(nn.ReLU(), torch.ones(2))), "a is scripted"),
    (lambda m: m.add_module("a", nn.DataParallel(nn.Linear(4, 4))), r"bring in what it holds, \.a\.module"),
    (lambda m: m.add_module("a", nn.LazyLinear(4)), r"the weight a\.weight has no size yet"),
    (lambda m: m.a.add_module("class", nn.Linear(2, 2)), r"the name a\.class: .*a keyword of Python"),
    (hold_itself, r"the module inner\.back holds itself"),
    (lambda m: setattr(m, "w", m.a.weight[:2]), r"the tensor w is computed from parameters(.|\n)*\.detach"),
    (share_statistics, r"b\.1 and b\.0 update the same running statistics(.|\n)*give each norm its own"),
    (lambda m: m.register_buffer("scale", torch.ones(4).half()), "the buffer scale is in another precision"),
    (lambda m: m.register_buffer("scale", torch.ones(4).double()), r"the element type float64(.|\n)*module\.float\(\)"),
    (lambda m: m.register_buffer("steps", torch.ones(4).int()), r"the element type int32(.|\n)*module\.steps\.long"),
    (lambda m: m.register_parameter("w", nn.Parameter(torch.ones(1) * 1j)), "the weight w holds complex numbers"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("change", "message"), UNSUITABLE)
def test_modules_that_must_be_changed_first(change: Callable[[Any], object], message: str) -> None:
    with pytest.raises(ImportingError, match=message):
        ag.from_torch(changed(change), {"x": "N,4"})


def take_all(*images: Tensor) -> Tensor:
    return images[0]


def take_number(x: Tensor, scale: float) -> Tensor:
    return x * scale


def take_two(image: Tensor, mask: Tensor, scale: Any = None) -> Tensor:
    return image * mask


def take_nothing() -> Tensor:
    return torch.ones(2)


@pytest.mark.parametrize(
    ("forward", "inputs", "message"),
    [
        (take_two, {"imgae": "N,4"}, r"no input 'imgae'(.|\n)*image, mask, scale(.|\n)*did you mean 'image'"),
        (take_two, {"image": "N,4"}, r"reads more inputs(.|\n)*--input mask=…(.|\n)*forward\(image"),
        (take_two, None, r"It asks for image, mask\n(.|\n)*forward\(image"),
        (take_two, {"image": torch.ones(2, 4), "mask": 1.0}, r"the input 'mask' is no tensor(.|\n)*float"),
        (take_two, {"image": torch.ones(2, 4), "mask": "N,4"}, "some inputs are tensors, others descriptions"),
        (take_two, torch.ones(2, 4), "the inputs are a mapping"),
        (take_two, {"image": "N,0"}, "an input is NAME=SIZES"),
        (take_two, {"image": "true"}, "image is given a value: an input is a tensor, told by its sizes"),
        (take_number, {"x": "N,4"}, "needs 'scale', a float and no tensor"),
        (take_number, None, "needs 'scale', a float and no tensor"),
        (take_all, {"x": "N,4"}, "has no named inputs"),
        (take_all, None, "has no named inputs"),
        (take_nothing, None, "reads nothing"),
        (None, {"x": "N,4"}, "has no forward"),
    ],
)
def test_inputs_that_a_forward_does_not_have(forward: Any, inputs: Any, message: str) -> None:
    module = nn.Module()
    if forward is not None:
        module.forward = forward  # type: ignore[method-assign]
    with pytest.raises(ImportingError, match=message):
        ag.from_torch(module, inputs)


def decide(self: Any, x: Tensor) -> Tensor:
    return -x if self.fc(x).mean() > 0 else x


def read_value(self: Any, x: Tensor) -> Tensor:
    return x * x.max().item()


def round_off(self: Any, x: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return self.fc(x).float()  # type: ignore[no-any-return]


def count(self: Any, x: Tensor) -> Tensor:
    self.count += 1
    return x * self.count  # type: ignore[no-any-return]


def take_numpy(self: Any, x: Tensor) -> Tensor:
    return torch.from_numpy(x.numpy() * 2)


@pytest.mark.parametrize(
    ("function", "message", "line"),
    [
        (take_numpy, "compute it with torch's functions", "return torch.from_numpy"),
        (
            lambda self, x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.1),
            "evaluation drops probabilities by chance",
            "self.function(self, x)",
        ),
        (lambda self, x: F.dropout(x, 0.5, True), "evaluation drops values by chance", "self.function(self, x)"),
        (lambda self, x: x + torch.randn_like(x), "random numbers are an input", "self.function(self, x)"),
        (lambda self, x: torch.fft.rfft(x).abs(), "two products with tables", "self.function(self, x)"),
        (lambda self, x: x.nonzero(), "how large its result is depends on values", "self.function(self, x)"),
        (decide, "what it computes depends on the values of its inputs", "return -x if self.fc"),
        (read_value, "a number that it reads from a tensor", "self.function(self, x)"),
        (round_off, "computes in bfloat16, under autocast", "self.function(self, x)"),
        (count, "evaluation changes 1.count and reads it", "self.function(self, x)"),
        (lambda self, x: None, "returns no tensor", ""),
        (lambda self, x: x, "computes nothing", ""),
        (lambda self, x: self.fc(x[:, :2]), "cannot trace Sequential(.|\n)*1.fc(.|\n)*tried with input \\[2, 4\\]", ""),
    ],
)
def test_forwards_that_cannot_be_imported(
    function: Any, message: str, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The path of the module and its line are there; torch writes nothing next to it."""
    with pytest.raises(ImportingError, match=message) as caught:
        ag.from_torch(nn.Sequential(nn.Identity(), Calling(function)), {"input": "N,4"})
    received = caught.value.problems[0].received
    assert line in received
    assert not line or "test_unsuitable_modules.py:" in received
    assert received.startswith("1") or "; 1, " in received or not line
    assert capfd.readouterr().err == ""


def test_floating_point_numbers_for_whole_ones() -> None:
    with pytest.raises(ImportingError, match="--input ids=N,L:int64"):
        ag.from_torch(nn.Embedding(4, 2), {"input": "N,L"})


def test_layers_in_a_plain_list_are_found() -> None:
    layers = [nn.Linear(4, 4)]
    module = Calling(lambda self, x: layers[0](x))
    module.layers = layers  # type: ignore[assignment]
    with pytest.raises(ImportingError, match=r"the modules in layers are no part(.|\n)*nn\.ModuleList"):
        ag.from_torch(module, {"x": "N,4"})


def without_gradients(self: Any, x: Tensor) -> Tensor:
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        y = self.fc(x)
    return y.detach() + F.relu(x)  # type: ignore[no-any-return]


def change_input(self: Any, x: Tensor) -> Tensor:
    return self.fc(x.add_(1)) + x  # type: ignore[no-any-return]


@pytest.mark.parametrize("function", [without_gradients, change_input])
def test_forwards_that_are_equal(function: Any) -> None:
    assert "fc: " in ag.from_torch(Calling(function), {"x": "N,4"}).spec().replace("fc:  ", "fc: ")


def test_what_hooks_compute_is_part_of_the_network() -> None:
    module = Two()
    module.a.register_forward_pre_hook(lambda layer, args: (args[0] + 1,))
    module.b.register_forward_hook(lambda layer, args, output: output * 2)
    graph = ag.from_torch(module, {"x": "N,4"})
    ours = ag.to_torch(graph)
    ours.load_state_dict(module.state_dict())
    x = torch.randn(3, 4)
    torch.testing.assert_close(ours(x), module.b(module.a(x)))


def test_a_class_that_is_called_like_an_operation() -> None:
    graph = ag.from_torch(nn.Sequential(Linear(), Linear()), {"input": "N,4"})
    assert [node.op.name for node in graph.nodes.values()] == ["linear", "mul"] * 2


def stop() -> nn.Module:
    raise SystemExit(2)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (lambda: nn.Linear(4, "four"), r"TypeError: .*; test_unsuitable_modules\.py:\d+: \(lambda: nn\.Linear"),  # type: ignore[arg-type]
        (stop, r"SystemExit: 2; test_unsuitable_modules\.py:\d+: raise SystemExit"),
        (lambda: [nn.Linear(2, 2)], r"is no module(.|\n)*received: list"),
    ],
)
def test_factories_that_fail(factory: Any, message: str) -> None:
    with pytest.raises(ImportingError, match=message):
        ag.from_torch(factory, {"x": "N,4"})


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        ("torch.nn:Linear", {"in_features": 2}, "--arg out_features=…"),
        ("torch.nn:Linear", {"in_featrues": 2}, "did you mean 'in_features'"),
        ("torch:pi", {}, "is no module and makes none"),
        ("net.py:Net", {}, "without folder and suffix: net:Net"),
    ],
)
def test_sources_that_make_nothing(source: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ImportingError, match=message):
        module_source(source, arguments).make()


def test_a_name_that_a_network_cannot_have_is_refused_at_once() -> None:
    with pytest.raises(ArchgraphError, match="'my net' cannot be"):
        ag.from_torch(made_by(Two, "Two"), {"x": "N,4"}, name="my net")
