"""Which instances share a class, and what is optional in it."""

from __future__ import annotations

import pytest
from structure_cases import NAMING, chain, conv, layer

from archgraph.structure.class_parameters import Candidates
from archgraph.structure.families import families
from archgraph.structure.inference import inferred
from archgraph.structure.template import InstanceTemplate, Loop, Member, Statement
from archgraph.structure.terms import Term, alike, number, shape, variable
from archgraph.structure.unification import ABSENT, unified

FULL = (("conv", conv(8, 16)), ("norm", layer("BatchNorm2d", num_features=16)), ("act", layer("ReLU")))


def residual(conv_term: Term) -> InstanceTemplate[Statement]:
    """`conv(x) + x`."""
    return InstanceTemplate(
        ("Tensor",),
        [Member("module", "conv", conv_term)],
        [
            Statement(Term("apply", "conv", (variable(0),)), (1,), "conv", "conv", removable=True),
            Statement(Term("infix", "+", (variable(1), variable(0))), (2,), "add", removable=True),
        ],
        (2,),
    )


def test_an_outline_leaves_the_numbers_out_and_nothing_else() -> None:
    assert chain(("a", conv(3, 4))).outline == chain(("a", conv(5, 6))).outline
    assert chain(("a", conv(3, 4))).outline != chain(("b", conv(3, 4))).outline
    assert chain(("a", conv(3, 4))).outline != chain(("a", layer("Conv1d", in_channels=3, out_channels=4))).outline
    assert chain(("a", conv(3, 4))).outline != chain(("a", conv(3, 4, stride=1))).outline


def test_an_outline_counts_values_as_they_are_made() -> None:
    """The numbers of the values do not matter, what is read does."""

    def two(first: int, second: int, read: int) -> InstanceTemplate[Statement]:
        statements = [
            Statement(Term("call", "f", (variable(0),)), (first,), "f"),
            Statement(Term("call", "g", (variable(read), shape(read, 1))), (second,), "g"),
        ]
        return InstanceTemplate(("Tensor",), [], list(statements), (second,))

    assert two(1, 2, 1).outline == two(7, 3, 7).outline
    assert two(1, 2, 1).outline != two(1, 2, 0).outline


def test_the_arguments_belong_to_the_outline() -> None:
    assert InstanceTemplate(("Tensor",), outputs=(0,)).outline != InstanceTemplate(("int",), outputs=(0,)).outline
    assert (
        InstanceTemplate(("Tensor",), outputs=(0,)).outline != InstanceTemplate(("Tensor", "int"), outputs=(0,)).outline
    )


def test_a_loop_is_part_of_the_outline() -> None:
    entry = Statement(Term("apply", "layers.#", (variable(0),)), (1,), "layers.0", "layers.#")
    looped = InstanceTemplate(("Tensor",), [], [Loop(("layers",), (entry,), ((0, 1),), (2,))], (2,))
    other = InstanceTemplate(("Tensor",), [], [Loop(("layers",), (entry,), ((0, 1),), (3,))], (3,))
    assert looped.outline == other.outline
    assert looped.outline != InstanceTemplate(("Tensor",), [], [entry], (1,)).outline
    assert looped.entries() == [entry]


def test_an_instance_that_lacks_a_part_shares_the_class() -> None:
    full, lean = chain(*FULL), chain(FULL[0], FULL[2])
    (group,) = unified([lean, full])
    assert group.fullest is full
    assert group.presence == {"norm": [True, False]}
    columns = {column.place: column.values for column in group.columns if column.place == "norm"}
    assert columns == {"norm": (16, ABSENT)}


def test_an_optional_part_has_a_flag_and_its_numbers_the_default_none() -> None:
    templates = [chain(("conv", conv(8, 8)), ("norm", layer("GroupNorm", num_groups=k))) for k in (2, 4)]
    (group,) = unified([*templates, chain(("conv", conv(8, 8)))])
    found = inferred(group, [Candidates({}, {})] * 3, NAMING)
    assert found.flags == {"norm": "norm"}
    groups, flag = found.parameters
    assert (flag.name, flag.values, flag.default) == ("norm", [True, True, False], False)
    assert (groups.name, groups.default) == ("num_groups", None)
    assert [groups.argument(instance) for instance in range(3)] == [2, 4, None]


def test_a_flag_takes_the_name_of_an_argument_that_says_the_same() -> None:
    (group,) = unified([chain(*FULL), chain(FULL[0], FULL[2])])
    found = inferred(group, [Candidates({"normalize": value}, {}) for value in (True, False)], NAMING)
    assert found.flags == {"norm": "normalize"}


def test_an_optional_step_without_a_member_has_a_flag_that_says_use() -> None:
    def with_act(present: bool) -> InstanceTemplate[Statement]:
        act = [Statement(Term("call", "relu", (variable(1),)), (2,), "act", removable=True)] if present else []
        apply = Statement(Term("apply", "conv", (variable(0),)), (1,), "conv", "conv", removable=True)
        return InstanceTemplate(
            ("Tensor",), [Member("module", "conv", conv(3, 3))], [apply, *act], (2 if present else 1,)
        )

    (group,) = unified([with_act(True), with_act(False)])
    found = inferred(group, [Candidates({}, {}), Candidates({}, {})], NAMING)
    assert found.flags == {"act": "use_act"}


def test_a_step_that_cannot_be_left_out_separates_classes() -> None:
    """`add` gone from `conv(x) + x` leaves `conv(x)`; where it must not be gone there are two classes."""
    lean = chain(("conv", conv(3, 3)))
    full = residual(conv(3, 3))
    assert len(unified([full, lean])) == 1
    fixed = residual(conv(3, 3))
    (first, add) = fixed.statements
    assert isinstance(add, Statement)
    fixed.statements = [first, Statement(add.term, add.outs, add.name, add.path, removable=False)]
    assert len(unified([fixed, lean])) == 2


def test_a_different_wiring_separates_classes() -> None:
    def wired(read: int) -> InstanceTemplate[Statement]:
        made = residual(conv(3, 3))
        made.statements[1] = Statement(Term("infix", "+", (variable(1), variable(read))), (2,), "add", removable=True)
        return made

    assert len(unified([wired(0), wired(1)])) == 2


def test_a_container_needs_all_of_its_members() -> None:
    full, lean = chain(*FULL), chain(FULL[0], FULL[2])
    full.container = lean.container = "list"
    assert len(unified([full, lean])) == 2


def test_outputs_of_a_lean_instance_are_found_among_those_of_the_class() -> None:
    """An encoder level gives its features before and after the downsampling; the last has no downsampling."""

    def level(present: bool) -> InstanceTemplate[Statement]:
        made = chain(("conv", conv(3, 3)), *([("down", layer("Pool"))] if present else []))
        made.outputs = (1, 2) if present else (1,)
        return made

    full, lean = level(True), level(False)
    (group,) = unified([full, lean])
    assert group.positions[id(lean)] == (0, None)


def test_an_output_that_a_lean_instance_does_not_give_separates_classes() -> None:
    """Its features before the activation, which the lean one computes and keeps."""
    full, lean = chain(*FULL), chain(FULL[0], FULL[1])
    full.outputs, lean.outputs = (1, 3), (2,)
    assert len(unified([full, lean])) == 2
    lean.outputs = (1, 2)
    (group,) = unified([full, lean])
    assert group.positions[id(lean)] == (0, 1)


def test_columns_tell_where_a_number_stands() -> None:
    reshape = Term("method", "reshape", (variable(0), number("size", 4), Term("infix", "*", (number("by", 2),))))
    (group,) = unified([InstanceTemplate(("Tensor",), [], [Statement(reshape, (1,), "blocks.flatten")], (1,))])
    assert [(column.role, column.place, column.values, column.axis) for column in group.columns] == [
        ("size", "flatten", (4,), 1),
        ("by", "flatten", (2,), -1),
    ]
    (group,) = unified([chain(("conv", conv(3, 4)))])
    assert [(column.role, column.place, column.values, column.axis, column.statement) for column in group.columns] == [
        ("in_channels", "conv", (3,), -1, None),
        ("out_channels", "conv", (4,), -1, None),
    ]


def test_families_come_after_what_they_are_made_of() -> None:
    """In the order of their first occurrence, whatever the hashes of their names are."""
    inside = {"net": list("hgfedcba"), **{name: ["leaf"] for name in "abcdefgh"}, "leaf": []}
    assert families("net", inside.__getitem__, str) == [["leaf"], *([name] for name in "hgfedcba"), ["net"]]


def test_a_family_made_of_itself_is_split_by_depth() -> None:
    inside = {"net": ["outer"], "outer": ["inner"], "inner": []}
    found = families("net", inside.__getitem__, lambda name: "net" if name == "net" else "block")
    assert found == [["inner"], ["outer"], ["net"]]


def test_depth_counts_to_the_deepest() -> None:
    """`outer` has a leaf and `inner`, which has a leaf too: the two are not of one depth."""
    inside = {"net": ["outer"], "outer": ["leaf", "inner"], "inner": ["leaf"], "leaf": []}
    found = families("net", inside.__getitem__, lambda name: "net" if name == "net" else "block")
    assert found == [["leaf"], ["inner"], ["outer"], ["net"]]


@pytest.mark.parametrize(
    ("other", "values"),
    [
        (layer("Conv2d", stride=2, bias=True), [2, True]),
        (layer("Conv2d", stride=1), None),
        (layer("Conv2d", dilation=1, bias=True), None),
        (layer("Conv1d", stride=1, bias=True), None),
    ],
)
def test_terms_are_alike_where_numbers_alone_differ(other: Term, values: list[object] | None) -> None:
    first = layer("Conv2d", stride=1, bias=False)
    found: list[object] = []
    assert alike(first, other, found) == (first.outline == other.outline) == (values is not None)
    assert values is None or found == values
    found = []
    assert alike(variable(1), variable(2), found) is False
    assert alike(first, first, found)
    assert found == [1, False]


def test_a_template_with_a_model_has_numbers_of_its_own() -> None:
    model, other = chain(("conv", conv(3, 4))), chain()
    other.model, other.others = model, [5, 6]
    (group,) = unified([model, other])
    assert group.fullest is model
    assert [column.values for column in group.columns] == [(3, 5), (4, 6)]
    lean = chain()
    lean.outputs = (0,)
    (group,) = unified([model, other, lean])
    assert group.presence == {"conv": [True, True, False]}
    assert [column.values for column in group.columns] == [(3, 5, ABSENT), (4, 6, ABSENT)]
