"""Numbers of instances as constants, parameters and expressions in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from structure_cases import NAMING, chain, conv, layer

from archgraph.structure.class_parameters import MISSING, Candidates
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName, evaluated
from archgraph.structure.inference import InferredClass, inferred
from archgraph.structure.naming import Naming, free
from archgraph.structure.template import InstanceTemplate, Statement
from archgraph.structure.unification import unified

NOTHING = Candidates({}, {})


def infer(
    templates: Sequence[InstanceTemplate[Statement]], candidates: Sequence[Candidates] = (), naming: Naming = NAMING
) -> InferredClass:
    (group,) = unified(templates)
    found = inferred(group, candidates or [NOTHING] * len(templates), naming)
    _same_numbers(group.columns, found)
    return found


def _same_numbers(columns: Any, found: InferredClass) -> None:
    """Each instance gets back the numbers that it had."""
    for place, column in enumerate(columns):
        for instance, value in enumerate(column.values):
            arguments = {parameter.name: parameter.argument(instance) for parameter in found.parameters}
            assert evaluated(found.expressions[place], arguments) == value


def names(found: InferredClass) -> list[str]:
    return [parameter.name for parameter in found.parameters]


def test_what_all_instances_have_is_a_constant() -> None:
    found = infer([chain(("conv", conv(3, 64, kernel_size=7))), chain(("conv", conv(3, 64, kernel_size=7)))])
    assert found.parameters == ()
    assert list(found.expressions.values()) == [ConstantNumber(3), ConstantNumber(64), ConstantNumber(7)]


def test_what_varies_is_a_parameter_named_after_its_role() -> None:
    found = infer([chain(("pool", layer("Pool", kernel_size=2))), chain(("pool", layer("Pool", kernel_size=3)))])
    assert names(found) == ["kernel_size"]
    assert found.parameters[0].values == [2, 3]
    assert found.parameters[0].default is MISSING


def test_equal_types_are_needed_for_one_number() -> None:
    """1 and 1.0 are equal in Python, but a class that has the one is not a class that has the other."""
    found = infer([chain(("a", layer("Scale", by=1))), chain(("a", layer("Scale", by=1.0)))])
    assert names(found) == ["by"]


def test_the_name_of_an_argument_is_left_for_what_it_explains() -> None:
    """The width in the middle varies by itself, and the role that both widths have is an argument's name."""
    blocks = [chain(("0", conv(8, 40)), ("1", conv(40, 16))), chain(("0", conv(8, 24)), ("1", conv(24, 32)))]
    found = infer(blocks, [Candidates({"out_channels": width}, {}) for width in (16, 32)])
    assert len(set(names(found))) == 2
    assert found.expressions[3] == ParameterName("out_channels")


def test_widths_share_a_parameter_and_take_the_names_of_the_channels() -> None:
    """The middle of a bottleneck is no input's and no output's channels: it is named after the layer."""
    blocks = [
        chain(("conv1", conv(256, 64)), ("conv2", conv(64, 256))),
        chain(("conv1", conv(512, 96)), ("conv2", conv(96, 512))),
    ]
    channels = [Candidates({}, {"in_channels": width, "out_channels": width}) for width in (256, 512)]
    found = infer(blocks, channels)
    assert names(found) == ["in_channels", "conv1_channels"]
    assert [found.expressions[place] for place in range(4)] == [
        ParameterName("in_channels"), ParameterName("conv1_channels"),
        ParameterName("conv1_channels"), ParameterName("in_channels"),
    ]  # fmt: skip


def test_an_argument_lends_its_name_and_a_multiple_is_computed() -> None:
    """ResNet's bottleneck: the last convolution has four times the planes."""
    blocks = [chain(("conv", conv(planes, 4 * planes))) for planes in (64, 128)]
    found = infer(blocks, [Candidates({"planes": planes}, {}) for planes in (64, 128)])
    assert names(found) == ["planes"]
    assert list(found.expressions.values()) == [
        ParameterName("planes"),
        Arithmetic("*", ParameterName("planes"), ConstantNumber(4)),
    ]


@pytest.mark.parametrize(("factor", "computed"), [(8, True), (9, False)])
def test_only_small_multiples_are_computed(factor: int, computed: bool) -> None:
    blocks = [chain(("conv", conv(width, factor * width))) for width in (5, 7)]
    found = infer(blocks, [Candidates({"width": width}, {}) for width in (5, 7)])
    assert (names(found) == ["width"]) is computed


def test_a_whole_part_is_computed() -> None:
    blocks = [chain(("conv", conv(width, width // 2))) for width in (64, 96)]
    found = infer(blocks, [Candidates({"width": width}, {}) for width in (64, 96)])
    assert found.expressions[1] == Arithmetic("//", ParameterName("width"), ConstantNumber(2))


def test_the_channels_of_a_concatenation_are_a_sum() -> None:
    """A U-Net's decoder: the level below and the skip connection come together."""
    values = [(512, 256), (320, 192)]
    blocks = [chain(("conv", conv(a + b, b))) for a, b in values]
    found = infer(blocks, [Candidates({}, {"in_channels": a, "skip_channels": b}) for a, b in values])
    assert found.expressions[0] == Arithmetic("+", ParameterName("in_channels"), ParameterName("skip_channels"))
    assert names(found) == ["in_channels", "skip_channels"]


def test_two_equal_inputs_are_twice_the_channels() -> None:
    blocks = [chain(("conv", conv(2 * a, 10))) for a in (16, 24)]
    found = infer(blocks, [Candidates({}, {"in_channels": a, "skip_channels": a}) for a in (16, 24)])
    assert found.expressions[0] == Arithmetic("*", ParameterName("in_channels"), ConstantNumber(2))


def test_numbers_of_other_roles_do_not_share_by_accident() -> None:
    """A kernel and a stride that are equal in both instances are two numbers."""
    blocks = [chain(("pool", layer("Pool", kernel_size=k, stride=k))) for k in (2, 3)]
    assert names(infer(blocks)) == ["kernel_size", "stride"]


def test_groups_of_a_depthwise_convolution_are_its_channels() -> None:
    blocks = [chain(("conv", conv(width, width, groups=width))) for width in (32, 96)]
    found = infer(blocks, [Candidates({}, {"in_channels": width}) for width in (32, 96)])
    assert found.expressions[2] == ParameterName("in_channels")


def test_few_groups_are_a_number_of_their_own() -> None:
    blocks = [chain(("conv", conv(width, width, groups=width))) for width in (4, 8)]
    found = infer(blocks, [Candidates({}, {"in_channels": width}) for width in (4, 8)])
    assert found.expressions[2] == ParameterName("groups")


def test_a_stride_has_the_default_1_and_stands_behind_the_widths() -> None:
    blocks = [chain(("conv", layer("Conv2d", stride=s, in_channels=c))) for s, c in ((2, 64), (1, 128))]
    found = infer(blocks)
    assert [(parameter.name, parameter.default) for parameter in found.parameters] == [
        ("conv_channels", MISSING),
        ("stride", 1),
    ]


def test_names_that_the_target_cannot_use_are_not_taken() -> None:
    """`class` is a good name of an argument, but not in Python."""
    naming = Naming(lambda name: name != "class", frozenset({"kernel_size"}))
    blocks = [chain(("pool", layer("Pool", kernel_size=k))) for k in (2, 3)]
    found = infer(blocks, [Candidates({"class": k}, {}) for k in (2, 3)], naming)
    assert names(found) == ["pool_kernel_size"]


@pytest.mark.parametrize(("role", "name"), [("repeat", "depth"), ("when", "whens")])
def test_a_role_that_every_node_has_is_no_name_of_a_parameter(role: str, name: str) -> None:
    blocks = [chain(("unit", layer("Unit", **{role: count}))) for count in (2, 3)]
    found = infer(blocks, [NOTHING, NOTHING], Naming(lambda word: word != role))
    assert names(found) == [name]


@pytest.mark.parametrize(
    ("stem", "taken", "expected"),
    [("x", [], "x"), ("x", ["x"], "x2"), ("x", ["x", "x2"], "x3"), ("conv1", ["conv1"], "conv1_2")],
)
def test_a_taken_name_gets_the_first_free_number(stem: str, taken: list[str], expected: str) -> None:
    assert free(stem, taken) == expected


def test_an_exempt_column_gets_no_expression_and_no_parameter() -> None:
    (group,) = unified([chain(("conv", conv(c, 8))) for c in (1, 2)])
    found = inferred(group, [NOTHING, NOTHING], NAMING, exempt=[0])
    assert found.parameters == ()
    assert found.expressions == {1: ConstantNumber(8)}


def test_an_expression_of_an_expression() -> None:
    inner: Expression = Arithmetic("+", ParameterName("a"), ParameterName("b"))
    assert evaluated(Arithmetic("//", inner, ConstantNumber(2)), {"a": 4, "b": 3}) == 3


@pytest.mark.parametrize("widths", [(9, 12), (9, 10)])
def test_more_than_eight_groups_are_channels(widths: tuple[int, int]) -> None:
    blocks = [chain(("conv", conv(width, width, groups=width))) for width in widths]
    found = infer(blocks, [Candidates({}, {"in_channels": width}) for width in widths])
    assert found.expressions[2] == ParameterName("in_channels")


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 8])
def test_halves_quarters_and_eighths_are_computed(factor: int) -> None:
    """Down to 1; a third or a fifth is a number of its own."""
    widths = (factor, 6 * factor)
    blocks = [chain(("conv", conv(width, width // factor))) for width in widths]
    found = infer(blocks, [Candidates({"width": width}, {}) for width in widths])
    computed = Arithmetic("//", ParameterName("width"), ConstantNumber(factor))
    assert (found.expressions[1] == computed) is (factor in (2, 4, 8))


def with_and_without(*layers: tuple[str, Any]) -> list[InstanceTemplate[Statement]]:
    """An instance that has all layers, and one that has the first alone."""
    return [chain(*layers), chain(layers[0])]


def test_numbers_of_an_optional_part_are_multiples_too() -> None:
    blocks = with_and_without(("conv", conv(8, 8)), ("wide", conv(8, 32)))
    found = infer_present(blocks, [{"planes": 8}, {"planes": 16}])
    assert found[2:] == [ParameterName("planes"), ConstantNumber(32)]
    wider = chain(("conv", conv(8, 8)), ("wide", conv(12, 48)))
    found = infer_present([blocks[0], wider, blocks[1]], [{"planes": 8}, {"planes": 12}, {"planes": 16}])
    assert found[2:] == [
        ParameterName("planes"),
        Arithmetic("*", ParameterName("planes"), ConstantNumber(4)),
    ]


def infer_present(templates: list[InstanceTemplate[Statement]], arguments: list[dict[str, Any]]) -> list[Expression]:
    (group,) = unified(templates)
    found = inferred(group, [Candidates(each, {}) for each in arguments], NAMING)
    return list(found.expressions.values())


@pytest.mark.parametrize(
    ("value", "arguments", "expected"),
    [
        (16, (16, 32), ParameterName("k")),  # a number that some lack takes the name of an argument that varies
        (16, (16, 16), ConstantNumber(16)),
        (True, (True, False), ConstantNumber(True)),  # a switch that all have alike is no number
    ],
)
def test_a_number_of_an_optional_part_that_is_the_same_everywhere(
    value: Any, arguments: tuple[Any, Any], expected: Expression
) -> None:
    blocks = with_and_without(("conv", conv(3, 3)), ("pool", layer("Pool", kernel_size=value)))
    assert infer_present(blocks, [{"k": each} for each in arguments])[2] == expected


def test_a_dimension_of_an_optional_part_takes_no_name_of_an_argument() -> None:
    """Where the stride is 1 there is a part, which slices dimension 1."""
    blocks = with_and_without(("conv", conv(3, 3)), ("slice", layer("Slice", dim=1, step=1)))
    found = infer_present(blocks, [{"stride": each} for each in (1, 2)])
    assert found[2:] == [ConstantNumber(1), ConstantNumber(1)]


@pytest.mark.parametrize(
    ("role", "argument", "expected"),
    [("size", "depth", "resize_channels"), ("kernel_size", "depth", "depth"), ("size", "W", "W")],
    ids=["axis", "number", "size"],
)
def test_a_size_of_an_optional_part_takes_the_name_of_a_size_alone(role: str, argument: str, expected: str) -> None:
    """Blocks have as many layers as columns where they have the part: by accident."""
    blocks = [
        chain(("conv", conv(3, 3)), ("resize", layer("Resize", **{role: 5}))),
        chain(("conv", conv(3, 3)), ("resize", layer("Resize", **{role: 2}))),
        chain(("conv", conv(3, 3))),
    ]
    (group,) = unified(blocks)
    found = inferred(group, [Candidates({argument: each}, {}, frozenset({"W"})) for each in (5, 2, 3)], NAMING)
    assert found.expressions[2] == ParameterName(expected)


def test_shapes_are_no_multiples() -> None:
    """A layer norm over two dimensions has a tuple for its width."""
    blocks = [
        chain(("norm", layer("LayerNorm", normalized_shape=(side, side))), ("conv", conv(side // 2, side // 2)))
        for side in (8, 12)
    ]
    assert names(infer(blocks)) == ["norm_channels", "conv_channels"]


def test_an_argument_has_a_default_only_where_torch_has_it() -> None:
    """1 is the default of a stride; a network of one plane is no default."""
    blocks = [chain(("conv", conv(planes, 8, stride=s))) for planes, s in ((1, 1), (64, 2))]
    found = infer(blocks, [Candidates({"planes": planes, "stride": s}, {}) for planes, s in ((1, 1), (64, 2))])
    assert [(each.name, each.default) for each in found.parameters] == [("planes", MISSING), ("stride", 1)]


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        ([30, 60, 120], Arithmetic("//", Arithmetic("*", ConstantNumber(3), ParameterName("C")), ConstantNumber(4))),
        ([83, 163, 323], Arithmetic("+", Arithmetic("*", ConstantNumber(2), ParameterName("C")), ConstantNumber(3))),
        ([43, 83, 163], Arithmetic("+", ParameterName("C"), ConstantNumber(3))),
        ([97, 177, 337], None),  # 17 more than twice as many: no gates, but a number of its own
        ([30, 60, 60], None),
    ],
)
def test_widths_follow_from_sizes_that_are_read(widths: list[int], expected: Expression | None) -> None:
    sizes = (40, 80, 160)
    blocks = [chain(("conv", conv(size, width))) for size, width in zip(sizes, widths, strict=True)]
    found = infer(blocks, [Candidates({"C": size}, {}, frozenset({"C"})) for size in sizes])
    assert found.expressions[0] == ParameterName("C")
    if expected is None:
        assert isinstance(found.expressions[1], ParameterName)
    else:
        assert found.expressions[1] == expected


def test_two_instances_are_no_evidence_of_a_sum() -> None:
    blocks = [chain(("conv", conv(size, 2 * size + 3))) for size in (40, 80)]
    found = infer(blocks, [Candidates({"C": size}, {}, frozenset({"C"})) for size in (40, 80)])
    assert isinstance(found.expressions[1], ParameterName)


def test_an_optional_part_shares_the_parameter_of_one_that_all_have() -> None:
    """The pool that one of three lacks has the kernels of the other pool."""
    blocks = [
        chain(("early", layer("Pool", kernel_size=2)), ("late", layer("Pool", kernel_size=2))),
        chain(("early", layer("Pool", kernel_size=3)), ("late", layer("Pool", kernel_size=3))),
        chain(("late", layer("Pool", kernel_size=5))),
    ]
    (group,) = unified(blocks)
    found = inferred(group, [NOTHING] * 3, NAMING)
    assert [one.name for one in found.parameters if one.role != "flag"] == ["kernel_size"]
    assert found.parameters[0].values == [2, 3, 5]


@pytest.mark.parametrize(
    ("role", "argument", "shared"),
    [
        ("dim", "stride", False),
        ("dim", "norm_axis", True),
        ("size", "transformer_depth", False),
        ("size", "windowSize", True),
        ("step", "stride", True),
    ],
)
def test_an_argument_stands_for_numbers_of_its_own_kind(role: str, argument: str, shared: bool) -> None:
    """In both instances the numbers are equal, by accident where they are of two kinds."""
    blocks = [chain(("part", layer("Part", **{role: value}))) for value in (1, 2)]
    found = infer(blocks, [Candidates({argument: value}, {}) for value in (1, 2)])
    assert (names(found) == [argument]) is shared
