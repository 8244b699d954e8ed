"""Every trait of every operation is measured on torch, so that one that nobody declared is a failure."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import pytest
import torch
from operation_tests import single
from torch import Tensor, nn

import archgraph as ag
from archgraph.dims import Size
from archgraph.ops import REGISTRY, Example, Inputs, Operation, make

CONTRACTS = [kind for _, kind in sorted(REGISTRY.items())]
READING = [kind for kind in CONTRACTS if kind.ports]
AUTOCAST_TO_FLOAT32 = """
__pow__ __rdiv__ __rpow__ __rtruediv__ acos asin binary_cross_entropy_with_logits cosh cosine_embedding_loss cdist
cosine_similarity cross_entropy cumprod cumsum dist erfinv exp expm1 group_norm hinge_embedding_loss kl_div l1_loss
layer_norm log log10 log1p log2 log_softmax margin_ranking_loss mse_loss multi_margin_loss multilabel_margin_loss
nll_loss norm normalize pdist poisson_nll_loss pow prod reciprocal rsqrt sinh smooth_l1_loss soft_margin_loss softmax
softmin softplus sum renorm tan triplet_margin_loss
""".split()  # noqa: SIM905 - fifty quoted names are no better read
"""https://docs.pytorch.org/docs/stable/amp.html, "CUDA Ops that can autocast to float32"."""


def drawn(example: Example) -> list[Tensor]:
    torch.manual_seed(0)
    made = []
    for kind in example.inputs.values():
        whole = torch.randint(0, 2, kind.shape)
        made.append(torch.rand(kind.shape) + 0.5 if kind.dtype == "float32" else whole.to(getattr(torch, kind.dtype)))
    return made


@cache
def evaluated(contract: type[Operation], number: int) -> nn.Module:
    """One for all tests; training changes the statistics of some, so that it takes a copy."""
    example = contract.examples[number]
    return ag.to_torch(single(make(contract, example.attributes), example.inputs), seed=1).eval()


def run(contract: type[Operation], example: Example, given: Sequence[Tensor], training: bool = False) -> list[Tensor]:
    number = next(i for i, each in enumerate(contract.examples) if each is example)
    module = evaluated(contract, number)
    module = copy.deepcopy(module).train() if training else module
    torch.manual_seed(1)
    with torch.no_grad():
        found = module(*given)
    return list(found) if isinstance(found, tuple) else [found]


def floating(contract: type[Operation]) -> Iterator[Example]:
    """The examples whose inputs are all numbers that have no rows."""
    return (each for each in contract.examples if all(kind.dtype == "float32" for kind in each.inputs.values()))


def relabelled(values: Tensor) -> Tensor:
    """Other numbers of both signs in the place of each, in no order, and infinity in the place of some."""
    places = torch.frac(values * 977.0)
    return torch.where(places > 0.8, torch.inf, 20 * places - 10)


def commutes(contract: type[Operation], example: Example, change: Callable[[Tensor], Tensor]) -> bool:
    """Whether an operation does to changed numbers what it does to the numbers."""
    given = drawn(example)
    changed = run(contract, example, [change(tensor) for tensor in given])
    return all(map(torch.equal, changed, map(change, run(contract, example, given))))


def test_what_moves_data_does_so_with_any_numbers() -> None:
    for contract in READING:
        moves = [commutes(contract, example, relabelled) for example in floating(contract)]
        declared = contract.traits.moves_data
        assert all(moves) if declared else not moves or not all(moves), where(contract, "moves_data")


def where(contract: type[Operation], trait: str) -> str:
    return f"archgraph/ops/{contract.family}.py: {trait} in the Traits of {contract.__name__}"


def test_what_normalizes_loses_the_scale_of_what_it_reads() -> None:
    def loses(contract: type[Operation], example: Example) -> bool:
        first, *others = drawn(example)
        plain = run(contract, example, [first, *others], training=True)
        scaled = run(contract, example, [8 * first, *others], training=True)
        varied = all(a.is_floating_point() and a.unique().numel() > 1 for a in plain)  # or nothing is left at all
        return varied and all(torch.allclose(a, b, rtol=0.1, atol=0.1) for a, b in zip(plain, scaled, strict=True))

    for contract in READING:
        found = [loses(contract, example) for example in floating(contract)]
        assert (bool(found) and all(found)) == contract.traits.normalizes, where(contract, "normalizes")


def test_what_keeps_the_scale_does() -> None:
    keeping = [contract for contract in READING if contract.traits.keeps_scale or contract.traits.moves_data]
    assert keeping
    for contract, example in of_all(keeping):
        given = drawn(example)
        largest = max(tensor.abs().max() for tensor in given) + abs(example.attributes.get("value", 0))
        found = run(contract, example, given)
        assert all(tensor.abs().max() <= len(given) * largest for tensor in found), where(contract, "keeps_scale")
        assert any(tensor.abs().max() >= given[0].abs().min() / 2 for tensor in found) or len(given) > 1, contract.name


def of_all(contracts: Sequence[type[Operation]]) -> Iterator[tuple[type[Operation], Example]]:
    yield from ((contract, example) for contract in contracts for example in floating(contract))


@pytest.mark.parametrize("training", [False, True])
def test_results_that_are_new_may_be_overwritten(training: bool) -> None:
    """The gradients are those of twice the result, the inputs stay as they are, and it is no view."""
    making = [contract for contract in READING if contract.traits.makes_new or contract.traits.may_hand_on]
    assert making
    for contract, example in of_all(making):
        number = next(i for i, each in enumerate(contract.examples) if each is example)
        module = copy.deepcopy(evaluated(contract, number)).train(training)
        first, other = (gradients(module, drawn(example), overwrite) for overwrite in (False, True))
        torch.testing.assert_close(other, first, msg=where(contract, "makes_new"))


def gradients(module: nn.Module, given: Sequence[Tensor], overwrite: bool) -> list[Tensor | None]:
    """Of inputs and weights, where a result is doubled in place or not; what may be handed on is no leaf."""
    leaves = [each.clone().requires_grad_() for each in given]
    read = [each * 1 for each in leaves]
    torch.manual_seed(1)
    made = module(*read)
    assert not made._is_view()
    if overwrite:
        made.mul_(2)
        handed_on = any(made.data_ptr() == each.data_ptr() for each in read)
        assert handed_on or all(map(torch.equal, read, given))
        made.cos().sum().backward()
    else:
        (2 * made).cos().sum().backward()
    return [each.grad for each in (*leaves, *module.parameters())]


def test_only_what_says_so_hands_on_its_input() -> None:
    for contract, example in of_all([contract for contract in READING if contract.traits.makes_new]):
        assert not contract.traits.may_hand_on
        for training in (False, True):
            given = drawn(example)
            made = run(contract, example, given, training)
            shared = [one for one in made for each in given if one.data_ptr() == each.data_ptr()]
            assert not shared, where(contract, "makes_new")


def test_what_is_infinite_only_where_it_reads_infinities_is_finite_at_finite_numbers() -> None:
    declared = [contract for contract in READING if contract.traits.infinities != "any"]
    assert declared
    for contract, example in of_all(declared):
        unlimited = all(abs(value) < torch.inf for value in example.attributes.values() if isinstance(value, float))
        for change in (abs, lambda tensor: 20 * tensor - 20):
            made = run(contract, example, [change(tensor) for tensor in drawn(example)])
            assert not unlimited or all(map(is_finite, made)), where(contract, "infinities")


def test_what_is_infinite_nowhere_makes_no_infinity_of_infinities() -> None:
    declared = [contract for contract in READING if contract.traits.infinities == "none"]
    maps = [(contract, example) for contract, example in of_all(declared) if not contract.traits.normalizes]
    unweighted = [(contract, example) for contract, example in maps if not list(evaluated(contract, 0).parameters())]
    assert unweighted
    for contract, example in unweighted:
        made = run(contract, example, [relabelled(tensor) for tensor in drawn(example)])
        assert not any(tensor.isinf().any() for tensor in made), where(contract, "infinities")


def is_finite(values: Tensor) -> bool:
    return bool(values.isfinite().all())


def test_what_torch_keeps_in_float32_is_kept() -> None:
    for contract in CONTRACTS:
        name = re.sub(r"\d?d?$", "", contract.name)
        if name in AUTOCAST_TO_FLOAT32 or contract.traits.normalizes:
            assert contract.traits.keeps_float32, where(contract, "keeps_float32")


def test_what_gives_probabilities_gives_numbers_from_0_to_1() -> None:
    """Of any numbers."""
    giving = [contract for contract in READING if contract.traits.gives_probabilities]
    assert giving
    for contract, example in of_all(giving):
        found = run(contract, example, [40 * t - 30 for t in drawn(example)])
        assert all(((tensor >= 0) & (tensor <= 1)).all() for tensor in found), where(contract, "gives_probabilities")


@pytest.mark.parametrize("family", sorted({contract.family for contract in READING}))
def test_what_mixes_a_batch_says_so(family: str) -> None:
    """Where dimension 0 is kept, another last element changes the others only of what mixes them."""
    found = [(contract, each) for contract in READING if contract.family == family for each in contract.examples]
    for contract, example in found:
        op, inputs = make(contract, example.attributes), Inputs(example.inputs)
        given = drawn(example)
        batch = given[0].shape[0] if given[0].ndim else 1
        before = run(contract, example, given)
        if batch == 1 or given[0].dtype != torch.float32 or any(y.shape[:1] != (batch,) for y in before):
            continue
        given[0] = torch.cat([given[0][:-1], given[0][-1:] + 2])
        after = run(contract, example, given)
        kept = [[part[:-1].nan_to_num() for part in parts] for parts in (before, after)]
        changed = not all(map(torch.equal, *kept))
        assert not changed or op.mixes_batch(inputs), f"archgraph/ops/{contract.family}.py: mixes_batch"


def placed(contract: type[Operation], example: Example) -> Iterator[tuple[str, int, int | None]]:
    """Every dimension of every input, and where the contract says that its places stand in the results."""
    op, inputs = make(contract, example.attributes), Inputs(example.inputs)
    return ((port, dim, op.kept_dim(inputs, port, dim)) for port, kind in inputs.items() for dim in range(kind.rank))


@pytest.mark.parametrize("family", sorted({contract.family for contract in READING}))
def test_places_stand_where_contracts_say_and_know_of_no_others(family: str) -> None:
    """Other numbers at a place change that place of every result and no more, in a dimension of more than one place."""
    for contract, example in of_all([contract for contract in READING if contract.family == family]):
        given = drawn(example)
        before = run(contract, example, given)
        for number, (port, kind) in enumerate(example.inputs.items()):
            for dim, kept in ((dim, kept) for name, dim, kept in placed(contract, example) if name == port):
                if kept is None or kind.shape[dim] == 1:
                    continue
                for place in range(int(kind.shape[dim])):
                    changed = [*given]
                    changed[number] = given[number].clone()
                    changed[number].select(dim, place).add_(1)
                    after = run(contract, example, changed)
                    for one, other in zip(before, after, strict=True):
                        assert one.shape[kept] == kind.shape[dim], f"{contract.name}: kept_dim"
                        others = [at for at in range(one.shape[kept]) if at != place]
                        same = torch.equal(
                            one.index_select(kept, torch.tensor(others)).nan_to_num(),
                            other.index_select(kept, torch.tensor(others)).nan_to_num(),
                        )
                        assert same, f"archgraph/ops/{contract.family}.py: kept_dim of {contract.name}"


def test_sizes_of_results_are_attributes() -> None:
    """They take sizes, and decide no element: one that is twice as large reads nothing else of the inputs."""
    for contract in CONTRACTS:
        for name in contract.traits.result_sizes:
            assert Size in sizes_in(contract.model_fields[name].annotation), where(contract, "result_sizes")


def sizes_in(note: object) -> set[object]:
    parts = getattr(note, "__args__", ())
    return {note, *(found for part in parts for found in sizes_in(part))}
