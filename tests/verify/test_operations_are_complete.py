"""An operation is more than its contract. What one lacks is named here, with the file to write it in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
from operation_tests import operation_tests, single
from torch_functions import FUNCTIONS
from torch_modules import MODULES

from archgraph.codegen import rules as torch_rules
from archgraph.codegen.rules import TorchRuleContext
from archgraph.diagram.roles import BY_FAMILY, WITHOUT_COLOUR
from archgraph.dims import Facts
from archgraph.export import rules as onnx_rules
from archgraph.export.profiles import PORTABLE
from archgraph.graph.index_rules import RULES as INDEX_RULES
from archgraph.graph.index_rules.scans import AnyNumber, AnySlice
from archgraph.graph.types import Node
from archgraph.ops import FAMILIES, REGISTRY, Example, Inputs, Operation, TensorType, make
from archgraph.ops.activation import Elementwise
from archgraph.ops.contract import DTYPES, INTEGER_TYPES, Port
from archgraph.ops.counterparts import counterpart, missing, normalized, other_names, recipes, torch_names
from archgraph.ops.tables import TABLES

DRAWERS = operation_tests("conftest").DRAWERS
WITHOUT_DRAWER = {
    # random in training, nothing in evaluation
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "stochastic_depth"),
    # places of values, which a max pool gives
    *("max_unpool1d", "max_unpool2d", "max_unpool3d"),
    # indices and times, of another element type than what is drawn
    *("embedding", "sinusoidal_embedding", "embedding_bag", "one_hot"),
    # indices within a size, which test_indexing.py draws
    *("gather", "take_along_dim", "index_select", "index", "index_copy"),
    *("scatter", "scatter_add", "scatter_reduce", "index_add"),
    # masks, which test_operation_tables.py draws
    *("where", "masked_fill"),
}
"""Operations with inputs and attributes that are tested on their examples only. The rows of tables are tested at their
edges by test_operation_tables.py."""

SHARED_FUNCTIONS = {
    ("softmax2d", "softmax"),
    *((f"{norm}_norm{axes}d", f"F.{norm}_norm") for norm in ("batch", "instance") for axes in (1, 3)),
}
"""Functions of torch that an operation is written with, and that are another operation."""


def lacking(contract: type[Operation]) -> Iterator[str]:
    """What is to be written yet, and where."""
    name, family, kind = contract.name, contract.family, f"ops.{contract.__name__}"
    if contract not in torch_rules.FUNCTIONS:
        yield f"archgraph/codegen/rules/{family}.py: @function({kind}), its torch code within a forward"
    if PORTABLE.rule(contract) is None:
        yield f"archgraph/export/rules/{family}.py: @rule({kind}), its ONNX form"
    if holds_whole_numbers(contract) and contract not in INDEX_RULES:
        yield f"archgraph/graph/index_rules/{family}.py: RULES.add(…, {kind}), else it bounds no index in silence"
    if family not in BY_FAMILY and family not in WITHOUT_COLOUR:
        yield f"archgraph/diagram/roles.py: '{family}' in BY_FAMILY, or in WITHOUT_COLOUR"
    if contract.examples and name not in FUNCTIONS and name not in MODULES:
        yield f"tests/torch_functions.py: '{name}' in FUNCTIONS, or with weights in MODULES of torch_modules.py"
    drawn = name in DRAWERS or name in WITHOUT_DRAWER or any(name in table.rows for table in TABLES)
    if contract.ports and contract.model_fields and not drawn:
        yield f"tests/operation_drawers: '{name}' in DRAWERS of a family, its attributes and shapes at random"
    for module in (missing, other_names, recipes, torch_names):
        if normalized(name) in map(normalized, module.ENTRIES):
            file = module.__name__.rpartition(".")[2]
            yield f"archgraph/ops/counterparts/{file}.py: '{name}' is an operation now, and its entry is to go"
    for head in called_in_torch(contract):
        found = counterpart(head, REGISTRY)
        if (name, head) not in SHARED_FUNCTIONS and (found is None or found.operation != name):
            yield f"archgraph/ops/counterparts/torch_names.py: '{head}' is '{name}'"


def holds_whole_numbers(contract: type[Operation]) -> bool:
    """Whether it reads whole numbers, or makes some."""
    if any(set(port.dtypes) & set(INTEGER_TYPES) for port in contract.ports):
        return True
    made = (make(contract, each.attributes).infer(Inputs(each.inputs), Facts()) for each in contract.examples)
    return any(value.dtype in INTEGER_TYPES for values in made for value in values)


def called_in_torch(contract: type[Operation]) -> set[str]:
    """What torch calls it: the outermost calls of its rules."""
    found: set[str] = set()
    for example in contract.examples:
        node = single(make(contract, example.attributes), example.inputs).items[0]
        assert isinstance(node, Node)
        for rules in (torch_rules.MODULES, torch_rules.FUNCTIONS):
            term = rules[contract](TorchRuleContext(node), node.op) if contract in rules else None
            if term is not None and (term.kind == "method" or (term.kind == "call" and "." in term.text)):
                found.add(term.text)
    return found


@pytest.mark.parametrize("contract", [pytest.param(kind, id=name) for name, kind in sorted(REGISTRY.items())])
def test_every_operation_is_complete(contract: type[Operation]) -> None:
    found = list(lacking(contract))
    assert not found, "\n".join([f"{contract.name} is not complete. Write:", *found])


def test_rules_are_of_operations() -> None:
    """Or of the base class of some, or of what a scan's body sees of a sequence."""
    known = {base for kind in REGISTRY.values() for base in kind.__mro__} | {AnySlice, AnyNumber}
    for rules in (torch_rules.MODULES, torch_rules.FUNCTIONS, PORTABLE.rules, INDEX_RULES):
        assert set(rules) <= known


def test_every_row_is_an_operation() -> None:
    """`ON_DEMAND` in archgraph/ops/families.py names them all."""
    known = dict(REGISTRY)
    for table in TABLES:
        assert all(known[name] is table.contract(name) for name in table.rows)


def test_every_family_is_a_file_with_operations() -> None:
    assert {kind.family for kind in REGISTRY.values()} == set(FAMILIES)


def test_what_has_no_drawer_has_none() -> None:
    assert not WITHOUT_DRAWER & set(DRAWERS)
    assert set(DRAWERS) | WITHOUT_DRAWER <= set(REGISTRY)


class Sinc(Elementwise):
    """An operation that nobody has finished. torch has one of that name."""

    name: ClassVar[str] = "sinc"
    family: ClassVar[str] = "waves"
    meaning: ClassVar[str] = "sin(πx) / (πx): [...] → [...]"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)
    examples: ClassVar[tuple[Example, ...]] = (Example({}, {"input": TensorType((2, 3))}),)

    width: float = 1.0


def test_what_is_missing_is_named_with_its_file() -> None:
    assert [line.partition(":")[0] for line in lacking(Sinc)] == [
        "archgraph/codegen/rules/waves.py",
        "archgraph/export/rules/waves.py",
        "archgraph/graph/index_rules/waves.py",
        "archgraph/diagram/roles.py",
        "tests/torch_functions.py",
        "tests/operation_drawers",
        "archgraph/ops/counterparts/missing.py",
    ]


def test_a_reference_that_is_missing_is_named() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"torch_functions\.py has no row for 'sinc'"):
        MODULES["sinc"]


def test_a_second_rule_is_an_error() -> None:
    relu = REGISTRY["relu"]
    with pytest.raises(ValueError, match="two rules for a forward for 'relu'"):
        torch_rules.registry.function(relu)(lambda site, op: torch_rules.FUNCTIONS[relu](site, op))
    with pytest.raises(ValueError, match="two portable rules for 'relu'"):
        onnx_rules.activation.rule(relu)(lambda at, op: at.main)
    with pytest.raises(ValueError, match="two index rules for 'identity'"):
        INDEX_RULES.add(INDEX_RULES[REGISTRY["identity"]], REGISTRY["identity"])
