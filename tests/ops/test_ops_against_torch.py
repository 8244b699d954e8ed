"""Every contract against torch itself: shapes, element types, weights and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from torch_functions import FUNCTIONS
from torch_modules import MODULES, module

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError, SchemaError
from archgraph.ops import REGISTRY, Inputs, Operation, TensorType, make

DRAWS = 60
UNCOUNTED = ("bilinear", "dot", "mv")
"""Products that torch's counter does not know."""


def examples(name: str) -> Iterator[tuple[Operation, Inputs]]:
    for example in REGISTRY[name].examples:
        yield make(REGISTRY[name], example.attributes), Inputs(example.inputs)


def tensors(inputs: Inputs, device: str = "cpu") -> list[Tensor]:
    made = []
    for kind in inputs.values():
        made.append(torch.zeros(kind.shape, dtype=getattr(torch, kind.dtype), device=device))
    return made


def results(op: Operation, inputs: Inputs) -> list[TensorType]:
    given = tensors(inputs)
    found = FUNCTIONS[op.name](op, *given) if op.name in FUNCTIONS else module(op, inputs)(*given)
    every = found if isinstance(found, (tuple, list)) else [found]
    return [TensorType(tuple(one.shape), str(one.dtype).removeprefix("torch.")) for one in every]


def test_every_reference_is_of_an_operation() -> None:
    assert set(FUNCTIONS) | set(MODULES) <= set(REGISTRY)
    assert not set(FUNCTIONS) & set(MODULES)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_examples_have_torchs_shapes_and_element_types_and_its_work(name: str) -> None:
    """Multiply-accumulates are half of torch's operations. The fused kernels of attention, and those of oneDNN for an
    LSTM, are not counted."""
    for op, inputs in examples(name):
        plain = torch.backends.mkldnn.flags(enabled=False, allow_tf32=None)
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), plain:
            torchs = results(op, inputs)
        ours = op.infer(inputs, Facts())
        assert list(ours) == torchs, op
        counted = counter.get_total_flops()
        assert op.macs(inputs, ours) > 0 if name in UNCOUNTED else 2 * op.macs(inputs, ours) == counted, op


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_examples_own_torchs_weights(name: str) -> None:
    for op, inputs in examples(name):
        built = module(op, inputs) if name in MODULES else nn.Module()
        trainable = {key for key, _ in built.named_parameters()}
        torchs = [
            (
                "" if key == "tensor" else key,
                tuple(value.shape),
                str(value.dtype).removeprefix("torch."),
                key in trainable,
            )
            for key, value in built.state_dict().items()
        ]
        assert [(w.name, w.shape, w.dtype, w.trainable) for w in op.weights(inputs)] == torchs, op


ACCEPTED_SINCE = {"grid_sample": (2, 15)}
"""Operations of which torch accepts more from this release on: contracts are those of the oldest one."""


def accepts_more(name: str) -> bool:
    """Whether the installed torch accepts more of an operation than the oldest that is supported."""
    release = tuple(int(number) for number in torch.__version__.split("+")[0].split(".")[:2])
    return release >= ACCEPTED_SINCE.get(name, (99,))


def outcome(compute: Callable[[], Any]) -> Any:
    """The result, or 'refused'."""
    try:
        return compute()
    except (ArchgraphError, RuntimeError, ValueError, IndexError, NotImplementedError):
        return "refused"


def test_random_applications_agree_with_torch(drawn: tuple[str, Callable[[Random], Any]]) -> None:
    name, drawer = drawn
    accepted = 0
    for seed in range(DRAWS):
        attributes, shapes = drawer(Random(f"{name}{seed}"))
        inputs = Inputs({port: TensorType(shape) for port, shape in shapes.items()})
        try:
            op = make(REGISTRY[name], attributes)
        except SchemaError as error:
            pytest.fail(f"{attributes}: {error}")

        def contract(op: Operation = op, inputs: Inputs = inputs) -> Any:
            weights = [(w.name, w.shape) for w in op.weights(inputs)]
            return weights, list(op.infer(inputs, Facts()))

        def reference(op: Operation = op, inputs: Inputs = inputs) -> Any:
            built = module(op, inputs) if op.name in MODULES else nn.Module()
            return [(key, tuple(value.shape)) for key, value in built.state_dict().items()], results(op, inputs)

        ours, torchs = outcome(contract), outcome(reference)
        if ours == "refused" and accepts_more(name):
            continue
        assert ours == torchs, f"{name} {attributes} of {shapes}"
        accepted += ours != "refused"
    assert accepted >= DRAWS // 3, "most draws should be good ones"


@pytest.mark.parametrize(
    ("name", "attributes", "shape"),
    [
        ("conv2d", {"out_channels": 2000, "kernel_size": 3, "groups": 2}, (1, 8, 4, 4)),
        ("conv1d", {"out_channels": 2000, "kernel_size": 3}, (1, 8, 4)),
        ("conv_transpose2d", {"out_channels": 2000, "kernel_size": 3, "groups": 2}, (1, 8, 4, 4)),
        ("conv_transpose3d", {"out_channels": 2000, "kernel_size": 2, "groups": 2}, (1, 8, 4, 4, 4)),
        ("linear", {"out_features": 2000}, (1, 24)),
    ],
)
def test_bias_bounds_are_torchs(name: str, attributes: dict[str, Any], shape: tuple[int, ...]) -> None:
    """The largest of 2000 uniform numbers stays below the bound, and comes within 2 % of it."""
    op, inputs = make(REGISTRY[name], attributes), Inputs({"input": TensorType(shape)})
    torch.manual_seed(0)
    largest = float(module(op, inputs).bias.detach().abs().max())
    (bound,) = (weight.init.value for weight in op.weights(inputs) if weight.init.kind == "uniform")
    assert 0.98 * bound < largest <= bound
